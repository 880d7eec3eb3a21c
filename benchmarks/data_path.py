"""Six 1600x900 JPEGs to a 6x256x704 network input: drivetr's way against PETR's, paired.

PETR's way, as its config and mmdet3d pipeline have it: cv2.imread to BGR, float32, back to uint8
for PIL's bicubic resize and crop, float32, normalised, stacked and transposed. drivetr's way:
torchvision decodes to uint8, antialiased bicubic, crop; the detector normalises on its device, so
here that is counted apart. Both run in turn on one thread, on real keyframes:

    DRIVETR_DATA=FOLDER python benchmarks/data_path.py [--rounds 30]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.transforms import ResizeCropFlip

SIZE = (256, 704)
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)


def petr_way(paths: list[Path]) -> np.ndarray:
    """(6, 3, 256, 704) float32, normalised RGB."""
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR).astype(np.float32) for path in paths]
    out = []
    for image in images:
        scale = max(SIZE[0] / image.shape[0], SIZE[1] / image.shape[1])
        width, height = int(image.shape[1] * scale), int(image.shape[0] * scale)
        left, top = (width - SIZE[1]) // 2, height - SIZE[0]
        resized = Image.fromarray(np.uint8(image)).resize((width, height), Image.Resampling.BICUBIC)
        cut = resized.crop((left, top, left + SIZE[1], top + SIZE[0]))
        rgb = cv2.cvtColor(np.array(cut).astype(np.float32), cv2.COLOR_BGR2RGB)
        out.append((rgb - MEAN) / STD)
    return np.ascontiguousarray(np.stack(out).transpose(0, 3, 1, 2))


def normalise(images: torch.Tensor) -> torch.Tensor:
    """What the detector does with uint8 images."""
    return (images.float() - torch.from_numpy(MEAN)[:, None, None]) / torch.from_numpy(STD)[
        :, None, None
    ]


def seconds_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    """Prints milliseconds a frame, the ratio and how much the pixels differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    data = os.environ.get("DRIVETR_DATA")
    if not data:
        print("set DRIVETR_DATA to the folder that holds nuscenes_real/", file=sys.stderr)
        return 2
    index = open_index(Path(data) / "nuscenes_real", "v1.0-mini")
    dataset = NuScenesDataset(index, "mini_val", [ResizeCropFlip(SIZE)])
    cameras = index.sample(int(dataset.rows[0])).cameras
    paths = [index.dataroot / camera.filename for camera in cameras]

    ours = dataset[0].images
    theirs = torch.from_numpy(petr_way(paths) * STD[:, None, None] + MEAN[:, None, None])
    gap = (ours.float() - theirs.round()).abs()
    times = np.array(
        [
            (
                seconds_of(lambda: petr_way(paths)),
                seconds_of(lambda: dataset[0]),
                seconds_of(lambda: normalise(ours)),
            )
            for _ in range(rounds)
        ]
    )
    petr, frame, normalisation = 1e3 * np.median(times, axis=0)
    ratio = np.percentile(times[:, 0] / times[:, 1], [25, 50, 75])
    with_normalisation = np.median(times[:, 0] / (times[:, 1] + times[:, 2]))
    print(f"PETR's way            {petr:7.1f} ms for six cameras ({6e3 / petr:.0f} images/s)")
    print(f"drivetr, whole frame  {frame:7.1f} ms for six cameras ({6e3 / frame:.0f} images/s)")
    print(f"  + normalisation     {normalisation:7.1f} ms on the CPU, in the detector")
    print(f"ratio {ratio[1]:.2f} (quartiles {ratio[0]:.2f}, {ratio[2]:.2f}; {rounds} pairs)")
    print(f"ratio with normalisation {with_normalisation:.2f}")
    print(f"grey levels apart: at most {gap.max():.0f}, on average {gap.mean():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
