"""Example pictures of every corruption at every severity, to be looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from drivetr.data.corruptions.catalogue import CORRUPTIONS, Corruption, Fault
from drivetr.data.corruptions.late import LateCamera
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.structures.frame import Frame
from drivetr.visual.camera_view import draw_camera
from drivetr.visual.drawables import Drawable, drawables
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.jpeg import encode_jpeg, shrink
from drivetr.visual.page import camera_title
from drivetr.visual.png import write_png
from drivetr.visual.report import Picture
from drivetr.visual.sheet import Cell, draw_sheet
from drivetr.visual.text import Canvas

_CELL = 400  # pixels of a camera's width
_PAGE = 1500  # of a sheet on the page
_CAMERAS = 3  # shown where all cameras look alike
# Of these the boxes show what is wrong, and each camera fares differently.
_BOXED = ("rig_rotation", "rig_shift", "camera_late", "camera_swap")
_ALL_CAMERAS = (*_BOXED, "camera_crash", "frame_lost")


def draw_sheets(
    dataset: NuScenesDataset, tested: Mapping[str, Iterable[float]], folder: Path
) -> list[Picture]:
    """Writes one sheet a corruption as `FOLDER/NAME.png`; gives them for a page beside FOLDER.

    A row is a camera of one frame of the split, a column a severity; the first column is clean.

    Args:
        dataset: the split; its transforms are not applied.
        tested: severities by corruption.
        folder: for the pictures.
    """
    number = dataset.sequences()[0][-1]  # has a past, for what comes late
    pictures = []
    for name, severities in tested.items():
        corruption = CORRUPTIONS[name]
        frames = {"clean": _frame(dataset, number)}
        for severity in severities:
            fault = corruption.make(severity)
            frames[corruption.severity_text(severity)] = _frame(dataset, number, fault)
        sheet = _sheet(corruption, frames)
        write_png(folder / f"{name}.png", sheet)
        small = shrink(sheet, _PAGE)
        pictures.append(
            Picture(
                encode_jpeg(small),
                (small.shape[0], small.shape[1]),
                corruption.title,
                f"{name}: as recorded, then at {', '.join(list(frames)[1:])}",
                link=f"{folder.name}/{name}.png",
            )
        )
    return pictures


def _frame(dataset: NuScenesDataset, number: int, fault: Fault | None = None) -> Frame:
    """A frame of a split as it was recorded, or with a fault."""
    late, change = (fault, None) if isinstance(fault, LateCamera) else (None, fault)
    plain = NuScenesDataset(
        dataset.index,
        dataset.split,
        min_points=0,
        missing_images="tolerant",
        missing_limit=1.0,
        late=late,
    )
    frame = plain.raw_frame(number)
    return frame if change is None else change(frame, torch.Generator())


def _sheet(corruption: Corruption, frames: dict[str, Frame]) -> Canvas:
    """The cameras of a frame under all severities of a corruption, by words about each."""
    clean = frames["clean"]
    cameras = len(clean.camera_names) if corruption.name in _ALL_CAMERAS else _CAMERAS
    boxes = _boxes(clean) if corruption.name in _BOXED else []
    cells = [
        Cell(_camera(frame, camera, boxes, words))
        for camera in range(min(cameras, len(clean.camera_names)))
        for words, frame in frames.items()
    ]
    height = max(cell.image.shape[0] for cell in cells)
    return draw_sheet(corruption.title, cells, len(frames), _CELL, height)


def _boxes(frame: Frame) -> list[Drawable]:
    """The ground truth of a frame."""
    blank = (None,) * len(frame.camera_names)
    shown = ReplayFrame(
        blank,
        frame.cameras,
        frame.camera_names,
        frame.ego_from_lidar,
        truth=frame.targets,
    )
    return [replace(drawable, text="") for drawable in drawables(shown)]


def _camera(frame: Frame, camera: int, boxes: list[Drawable], words: str) -> Canvas:
    """One image with its name, and the boxes where its calibration puts them."""
    height, width = frame.cameras.image_size[camera].tolist()
    image = frame.images[camera, :, :height, :width].permute(1, 2, 0).contiguous().numpy()
    size = (round(_CELL * height / width), _CELL)
    title = f"{camera_title(frame.camera_names[camera])}, {words}"
    return draw_camera(image, frame.cameras.img_from_lidar[camera].numpy(), boxes, size, title, 11)
