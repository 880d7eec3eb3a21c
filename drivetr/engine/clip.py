"""A trained CLIP for use: pictures and texts in, embeddings of length 1 out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import normalize

from drivetr.data.captions import class_prompts
from drivetr.data.clip_images import normalised
from drivetr.data.tokenizer import Tokenizer
from drivetr.engine.api import load_detector
from drivetr.engine.convert import from_pretrained
from drivetr.engine.devices import choose_device
from drivetr.errors import DrivetrError
from drivetr.models.clip import CLIP
from drivetr.models.zero_shot import class_embeddings

_AT_ONCE = 256  # pictures or texts in one batch


@dataclass(frozen=True)
class LoadedClip:
    """A CLIP in evaluation mode with its tokenizer.

    Attributes:
        model: on `device`.
        tokenizer: with the context of its text tower.
        device: where it runs.
        source: checkpoint or folder it came from.
    """

    model: CLIP
    tokenizer: Tokenizer
    device: torch.device
    source: str

    @property
    def image_size(self) -> int:
        """Side of the pictures it takes, in pixels."""
        return self.model.vision.image_size

    @property
    def fingerprint(self) -> str:
        """The same for the same weights."""
        digest = hashlib.blake2b(digest_size=16)
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
            digest.update(value.cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def embed_images(self, pictures: UInt8[Tensor, "B 3 S S"]) -> Float[Tensor, "B D"]:
        """Embeddings of square pictures of `image_size`, on the CPU."""
        parts = [
            self.model.encode_image(normalised(part).to(self.device)).float().cpu()
            for part in pictures.split(_AT_ONCE)
        ]
        return normalize(torch.cat(parts), dim=-1)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "A D"]:
        """Embeddings of texts, on the CPU; what is longer than the context is cut."""
        parts = [
            self.model.encode_text(part.to(self.device)).float().cpu()
            for part in self.tokenizer(texts).split(_AT_ONCE)
        ]
        return normalize(torch.cat(parts), dim=-1)

    def embed_names(self, names: Sequence[str]) -> Float[Tensor, "K D"]:
        """One embedding a name, from several prompts with it."""
        return class_embeddings(self.embed_texts(class_prompts(names)), len(names))

    @property
    def scale(self) -> float:
        """The factor on cosines."""
        return float(self.model.logit_scale.detach().exp())


def load_clip(
    source: str | Path, vocabulary: str | Path | None = None, device: str | None = None
) -> LoadedClip:
    """Loads a CLIP.

    Args:
        source: a checkpoint of `drivetr train`, or a folder that `drivetr convert` wrote.
        vocabulary: file of the tokenizer; None for that of the installed package.
        device: name of the device, None for the best there is.

    Raises:
        DrivetrError: not there, damaged, no CLIP, or of another vocabulary.
    """
    path = Path(source)
    if not path.exists():
        raise DrivetrError(
            f"--clip {path} does not exist; give a checkpoint of `drivetr train"
            " configs/clip/...` or a folder that `drivetr convert` wrote"
        )
    model: object
    model = from_pretrained(path) if path.is_dir() else load_detector(path, "cpu").detector
    if not isinstance(model, CLIP):
        raise DrivetrError(
            f"--clip {path} holds a {type(model).__name__}, which is no CLIP; train one with"
            " configs/clip/clip_synth.py or convert a published one"
        )
    tokenizer = Tokenizer(vocabulary, len(model.text.positional_embedding))
    size = model.text.token_embedding.num_embeddings
    if tokenizer.vocab_size != size:
        raise DrivetrError(
            f"--clip {path} knows {size:,} tokens but the vocabulary has"
            f" {tokenizer.vocab_size:,}; name the model's own with --vocab"
        )
    chosen = choose_device(device)
    return LoadedClip(model.eval().to(chosen), tokenizer, chosen, str(path))
