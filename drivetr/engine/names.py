"""What a detector with named classes is trained with: how a CLIP model reads and sees a dataset."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from drivetr.data.nuscenes.crops import CropRule, ObjectCrops
from drivetr.data.nuscenes.index import open_index
from drivetr.data.transforms.crop_embeddings import Seen, write_crop_embeddings
from drivetr.engine.clip import LoadedClip
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from drivetr.structures.classes import DETECTION_CLASSES

_CROPS_AT_ONCE = 256


def crop_embeddings(clip: LoadedClip, crops: ObjectCrops, rows: Iterable[int]) -> dict[str, Seen]:
    """What CLIP sees in every annotated object of some samples.

    Args:
        clip: the model.
        crops: the pictures of these samples' objects.
        rows: of the samples in the index.

    Returns:
        sample token -> number and embedding of each object, of length 1; NaN where there is no
        picture of it, because it is hidden, too small or of no class.
    """
    seen: dict[str, Tensor] = {}
    for start in tqdm(range(0, len(crops), _CROPS_AT_ONCE), desc="embedding crops", unit="batch"):
        numbers = range(start, min(start + _CROPS_AT_ONCE, len(crops)))
        found = clip.embed_images(torch.stack([crops.picture(number) for number in numbers]))
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
    clip: LoadedClip,
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
        clip: the model.
        dataset: dataroot, version and split.
        hidden: classes that get no text.
        others: words that name no class.
        out: the folder.

    Returns:
        number of objects that were embedded.

    Raises:
        DrivetrError: a hidden class is none.
    """
    for name in hidden:
        if name not in DETECTION_CLASSES:
            raise DrivetrError(
                f"--hidden has {name!r}, expected names among {', '.join(DETECTION_CLASSES)}"
            )
    names = clip.embed_names(DETECTION_CLASSES)
    known = torch.tensor([name not in hidden for name in DETECTION_CLASSES])
    index = open_index(dataset[0], dataset[1])
    crops = ObjectCrops(index, dataset[2], CropRule(clip.image_size))
    seen = crop_embeddings(clip, crops, index.samples_of_split(dataset[2]))
    scale = clip.model.logit_scale.detach().cpu()
    _write(out / "named.safetensors", {"embeddings": names * known[:, None], "logit_scale": scale})
    other_texts = clip.embed_names(others) if others else names[:0]
    _write(out / "names.safetensors", {"embeddings": names, "others": other_texts})
    write_crop_embeddings(out / "crops.safetensors", seen)
    return len(crops)


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic_path(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
