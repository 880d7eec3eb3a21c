"""Image files of a COCO dataset."""

from drivetr.data.image_loader import ImageLoader


class CocoImageLoader(ImageLoader):
    """Missing and broken images end the run: boxes without a picture teach nothing."""

    table = "the annotation file"
    if_absent = "fetch them again"
    if_resized = "fetch the original, which the boxes belong to"
    if_broken = "every image of a split is needed; `drivetr verify` names all such files"
