"""Says what is wrong with a COCO dataset, all of it in one pass."""

from pathlib import Path

from tqdm import tqdm

from drivetr.data.coco.annotations import CocoAnnotations, read_annotations
from drivetr.data.coco.images import CocoImageLoader
from drivetr.data.report import Report
from drivetr.errors import DrivetrError


def verify_coco(dataroot: Path, version: str, files: bool = True) -> Report:
    """Reads the annotations of every split of a version and decodes every image of it.

    Args:
        dataroot: folder of the dataset.
        version: such as 2017.
        files: False leaves the images alone.

    Raises:
        DrivetrError: there is no split of this version.
    """
    found = sorted((dataroot / "annotations").glob(f"instances_*{version}.json"))
    if not found:
        raise DrivetrError(f"{dataroot} has no annotations/instances_SPLIT{version}.json")
    report = Report(strict=False)
    for path in found:
        split = path.stem.removeprefix("instances_")
        try:
            annotations = read_annotations(path)
        except DrivetrError as error:
            report.error("annotations", str(error))
            continue
        _note_annotations(split, annotations, report)
        if files:
            _verify_images(dataroot, split, annotations, report)
    return report


def _note_annotations(split: str, found: CocoAnnotations, report: Report) -> None:
    if found.dropped:
        report.warn("empty-box", f"{found.path}: {found.dropped:,} boxes have no area; left out")
    boxes = sum(len(image.labels) for image in found.images)
    report.notes.append(
        f"{split}: {len(found.images):,} images, {boxes:,} boxes of {len(found.classes)} categories"
    )


def _verify_images(dataroot: Path, split: str, found: CocoAnnotations, report: Report) -> None:
    loader = CocoImageLoader(dataroot, len(found.images))
    for image in tqdm(found.images, desc=f"decoding {split}", unit="image"):
        try:
            loader.load(f"{split}/{image.filename}", image.height, image.width)
        except DrivetrError as error:
            report.error("image", str(error))
