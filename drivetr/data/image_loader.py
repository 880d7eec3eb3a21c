"""Camera images of a dataset under one rule for what is missing, broken or of another size."""

import logging
import os
import stat
from pathlib import Path
from typing import Literal

from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from drivetr.data.decode import decode_image_file
from drivetr.data.image_header import read_image_header
from drivetr.data.paths import resolve_inside
from drivetr.errors import DrivetrError

MissingImages = Literal["strict", "tolerant"]

_SHOWN = 10  # names in an error
_logger = logging.getLogger(__name__)


class ImageLoader:
    """Loads images below a dataroot and counts those that cannot be used.

    Each process that loads (a worker, a rank) counts for itself, and counts a file once however
    often it is asked for.

    Args:
        dataroot: folder that all file names must stay in.
        num_images: images of the split, of which the limit is a share.
        missing: "strict" ends at the first image that is missing or broken; "tolerant" does without
            it.
        limit: share of the split's images that "tolerant" does without before it ends too.
        rescale: accept images of another size than their calibration says.

    Attributes:
        broken: file names that could not be used, with the reason.
        table: file that names the images, for messages; a subclass for another kind of dataset says
            its own.
        if_absent: what to do about missing files.
        if_resized: what to do about an image of another size than the table says.
        if_broken: what to do about a damaged file.
    """

    table = "sample_data.json"
    if_absent = (
        "fetch them, or go on without these cameras by --cfg-options"
        " train_data.missing_images=tolerant (test_data in a test)"
    )
    if_resized = (
        "restore the original, or set rescale_intrinsics=True if the image was resized as a whole"
    )
    if_broken = (
        "`drivetr verify` counts all such files, and --cfg-options"
        " train_data.missing_images=tolerant goes on without these cameras"
    )

    def __init__(
        self,
        dataroot: Path,
        num_images: int,
        missing: MissingImages = "strict",
        limit: float = 0.01,
        rescale: bool = False,
    ) -> None:
        if missing not in ("strict", "tolerant"):
            raise DrivetrError(f"missing_images={missing!r}: expected 'strict' or 'tolerant'")
        self.dataroot = dataroot
        self.num_images = num_images
        self.missing = missing
        self.limit = limit
        self.rescale = rescale
        self.broken: dict[str, str] = {}

    def require(self, filenames: list[str]) -> None:
        """Looks whether the images are there, before a long run meets the first that is not.

        An empty file is none: a copy that ran out of space leaves such files.

        In tolerant mode they are met one by one, and counted.

        Raises:
            DrivetrError: in strict mode, if any is missing, the first ten and the count; or if a
                folder of them leaves the dataroot.
        """
        if self.missing != "strict":
            return
        files = tqdm(filenames, desc="Looking for images", unit="file", delay=2, leave=False)
        for name in {os.path.dirname(name): name for name in filenames}.values():
            resolve_inside(
                self.dataroot, name, self.table
            )  # one of each folder: links are slow to follow
        absent = [name for name in files if not _has_content(self.dataroot / name)]
        if absent:
            more = "" if len(absent) <= _SHOWN else f" and {len(absent) - _SHOWN:,} more"
            raise DrivetrError(
                f"{self.dataroot}: {len(absent):,} of {len(filenames):,} images are missing or"
                f" empty: {', '.join(absent[:_SHOWN])}{more}; {self.if_absent}"
            )

    def load(self, filename: str, height: int, width: int) -> UInt8[Tensor, "3 h w"] | None:
        """The image in its own size, or None where it is broken and may be done without.

        Args:
            filename: relative to the dataroot.
            height: pixels, as the table has it.
            width: pixels, as the table has it.

        Raises:
            DrivetrError: a name that leaves the dataroot, a size that is not the table's, a broken
                image in strict mode, or too many of them in tolerant mode.
        """
        path = resolve_inside(self.dataroot, filename, self.table)
        try:
            header = read_image_header(path)
        except DrivetrError as error:
            self._do_without(filename, error)
            return None
        if (header.height, header.width) != (height, width) and not self.rescale:
            raise DrivetrError(
                f"{path}: is {header.width}x{header.height} pixels but {self.table} says"
                f" {width}x{height}; {self.if_resized}"
            )
        try:
            return decode_image_file(path)
        except DrivetrError as error:
            self._do_without(filename, error)
            return None

    def _do_without(self, filename: str, error: DrivetrError) -> None:
        """Counts a broken image; ends where that is not allowed."""
        if self.missing == "strict":
            raise DrivetrError(f"{error}; {self.if_broken}") from error
        if not self.broken:
            _logger.warning("%s; going on without such cameras, which is told only once", error)
        self.broken[filename] = str(error)
        if len(self.broken) > self.limit * self.num_images:
            first = "; ".join(list(self.broken.values())[:_SHOWN])
            raise DrivetrError(
                f"{self.dataroot}: {len(self.broken)} of {self.num_images} images are missing or"
                f" broken, more than missing_limit={self.limit:.2%} allows: {first}"
            ) from error


def _has_content(path: Path) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0
