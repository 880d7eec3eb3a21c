"""What a detector with named classes is trained with: how a CLIP model reads and sees a dataset."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from drivetr.data.captions import PROMPTS, class_prompts
from drivetr.data.clip_images import normalised
from drivetr.data.nuscenes.crops import CropRule, ObjectCrops
from drivetr.data.nuscenes.index import open_index
from drivetr.data.tokenizer import Tokenizer
from drivetr.data.transforms.crop_embeddings import Seen, write_crop_embeddings
from drivetr.engine.api import load_detector
from drivetr.engine.convert import from_pretrained
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from drivetr.models.clip import CLIP
from drivetr.structures.classes import DETECTION_CLASSES

_CROPS_AT_ONCE = 256


@torch.no_grad()
def text_embeddings(
    clip: CLIP, tokenizer: Tokenizer, names: Sequence[str], templates: Sequence[str] = PROMPTS
) -> Float[Tensor, "K D"]:
    """The mean over all prompts of each name, of length 1."""
    tokens = tokenizer(class_prompts(names, templates))
    prompts = normalize(clip.encode_text(tokens), dim=-1)  # K*templates D
    return normalize(prompts.unflatten(0, (len(names), -1)).mean(1), dim=-1)


@torch.no_grad()
def crop_embeddings(clip: CLIP, crops: ObjectCrops, rows: Iterable[int]) -> dict[str, Seen]:
    """What CLIP sees in every annotated object of some samples.

    Args:
        clip: in evaluation mode.
        crops: the pictures of these samples' objects.
        rows: of the samples in the index.

    Returns:
        sample token -> number and embedding of each object, of length 1; NaN where there is no
        picture of it, because it is hidden, too small or of no class.
    """
    starts = range(0, len(crops), _CROPS_AT_ONCE)
    seen: dict[str, Tensor] = {}
    for start in tqdm(starts, desc="embedding crops", unit="batch"):
        numbers = range(start, min(start + _CROPS_AT_ONCE, len(crops)))
        pictures = torch.stack([crops.picture(number) for number in numbers])
        found = normalize(clip.encode_image(normalised(pictures)), dim=-1)
        seen |= {crops.objects[n].token: row for n, row in zip(numbers, found, strict=True)}
    nothing = torch.full_like(next(iter(seen.values())), torch.nan)
    found_by_sample = {}
    for row in rows:
        sample = crops.index.sample(int(row))
        objects = torch.from_numpy(np.array(sample.annotations.instance, dtype=np.int64))
        embeddings = [seen.get(token, nothing) for token in sample.annotations.token]
        found_by_sample[sample.token] = (objects, torch.stack([*embeddings, nothing])[:-1])
    return found_by_sample


def write_names(
    source: Path,
    dataset: tuple[str, str, str],
    hidden: Sequence[str],
    others: Sequence[str],
    out: Path,
) -> int:
    """Writes the files of a training with named classes into a folder.

    `named.safetensors` is for the `init` of `NamedClasses`: one text a class, zeros for the hidden
    ones, and CLIP's scale. `names.safetensors` has `embeddings` of all classes and of `others`.
    `crops.safetensors` is for `CropEmbeddings`.

    Args:
        source: checkpoint of a CLIP training, or a folder of `drivetr convert`.
        dataset: dataroot, version and split.
        hidden: classes that get no text.
        others: words that name no class.
        out: the folder.

    Returns:
        number of objects that were embedded.

    Raises:
        DrivetrError: the source is no CLIP model, or a hidden class is none.
    """
    for name in hidden:
        if name not in DETECTION_CLASSES:
            raise DrivetrError(
                f"--hidden has {name!r}, expected names among {', '.join(DETECTION_CLASSES)}"
            )
    clip = load_clip(source)
    tokenizer = Tokenizer(context_length=len(clip.text.positional_embedding))
    names = text_embeddings(clip, tokenizer, DETECTION_CLASSES)
    known = torch.tensor([name not in hidden for name in DETECTION_CLASSES])
    index = open_index(dataset[0], dataset[1])
    crops = ObjectCrops(index, dataset[2], CropRule(clip.vision.grid * clip.vision.patch_size))
    seen = crop_embeddings(clip, crops, index.samples_of_split(dataset[2]))
    scale = clip.logit_scale.detach()
    other_texts = text_embeddings(clip, tokenizer, others) if others else names[:0]
    _write(out / "named.safetensors", {"embeddings": names * known[:, None], "logit_scale": scale})
    _write(out / "names.safetensors", {"embeddings": names, "others": other_texts})
    write_crop_embeddings(out / "crops.safetensors", seen)
    return len(crops)


def load_clip(source: Path) -> CLIP:
    """A CLIP model in evaluation mode, from a checkpoint or a converted folder.

    Raises:
        DrivetrError: it is another model.
    """
    model = from_pretrained(source) if source.is_dir() else load_detector(source, "cpu").detector
    if not isinstance(model, CLIP):
        raise DrivetrError(f"{source}: found a {type(model).__name__}, expected a CLIP model")
    return model


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic_path(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
