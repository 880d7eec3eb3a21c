"""Brings what a CLIP model saw in each box to the ground truth, from a file made beforehand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from drivetr.structures.frame import Frame

Seen = tuple[Int[Tensor, "G"], Float[Tensor, "G D"]]
"""Numbers of a frame's objects and the embedding of each; NaN where there was nothing to see."""


def write_crop_embeddings(path: str | Path, seen: Mapping[str, Seen]) -> None:
    """Writes a file that `CropEmbeddings` reads: sample token to objects and embeddings."""
    tensors = {}
    for token, (instance, embeddings) in seen.items():
        tensors[f"{token}.instance"] = instance.contiguous()
        tensors[f"{token}.embeddings"] = embeddings.contiguous()
    with atomic_path(Path(path)) as partial:
        save_file(tensors, partial)


class CropEmbeddings:
    """Fills in `Targets.embeddings` by sample token and number of the object.

    Args:
        file: from `write_crop_embeddings`.
    """

    def __init__(self, file: str | Path) -> None:
        self.file = file
        self._tensors: dict[str, Tensor] | None = None

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with embeddings; nothing is drawn.

        Raises:
            DrivetrError: the file cannot be read, or does not know the frame or one of its boxes.
        """
        if frame.targets is None:
            return frame
        if self._tensors is None:  # not before it is needed: a config builds without its files
            self._tensors = self._read()
        instance, embeddings = self._of_frame(self._tensors, frame.token)
        same = frame.targets.instance[:, None] == instance  # G G'
        if not bool(same.any(-1).all()):
            raise DrivetrError(
                f"{self.file}: sample {frame.token} has boxes that were not there when the file was"
                " made; make it again from this dataset"
            )
        chosen = embeddings[same.long().argmax(-1)]
        return replace(frame, targets=replace(frame.targets, embeddings=chosen))

    def _read(self) -> dict[str, Tensor]:
        try:
            return load_file(self.file)
        except (OSError, SafetensorError) as error:
            raise DrivetrError(
                f"{self.file}: no file of crop embeddings ({error}); `drivetr names` makes one"
            ) from error

    def _of_frame(self, tensors: Mapping[str, Tensor], token: str) -> Seen:
        try:
            return tensors[f"{token}.instance"], tensors[f"{token}.embeddings"]
        except KeyError:
            raise DrivetrError(
                f"{self.file}: knows nothing of sample {token}; make it again from this dataset"
            ) from None
