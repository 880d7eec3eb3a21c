"""Time and memory that each published detector takes for a frame on one CPU thread.

    python -m benchmarks.published_size [NAME ...]

Every detector of configs/metafile.yml, or those named, is built at its published size with random
weights in a process of its own and detects a few frames of six images of 900x1600 noise, which go
through its own transforms. Printed are CPU-seconds a frame (the mean without the first), the peak
of the process's memory, and the number of weights. Time is that of the process, so other work on
the machine disturbs it little; memory counts weights, images and Python with its libraries.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import torch

from drivetr.engine.config import load_config
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.zoo import published_detectors
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame, collate_frames
from drivetr.structures.moments import Moments

FRAMES = 3
FOCAL_PX, HEIGHT, WIDTH = 1260.0, 900, 1600


def frame_of_noise(copies: int) -> Frame:
    """Six cameras in a ring, each `copies` times: a detector of two moments wants two."""
    matrices = []
    for index in range(6):
        angle = 2 * math.pi * index / 6
        cos, sin = math.cos(angle), math.sin(angle)
        cam_from_lidar = torch.tensor([[cos, -sin, 0], [0, 0, -1], [sin, cos, 0]]).double()
        intrinsic = torch.tensor([[FOCAL_PX, 0, WIDTH / 2], [0, FOCAL_PX, HEIGHT / 2], [0, 0, 1]])
        matrix = torch.eye(4, dtype=torch.float64)
        matrix[:3, :3] = intrinsic.double() @ cam_from_lidar
        matrices.append(matrix)
    views = 6 * copies
    return Frame(
        token="noise",
        scene="noise",
        timestamp_us=0,
        images=torch.randint(0, 256, (views, 3, HEIGHT, WIDTH), dtype=torch.uint8),
        cameras=Cameras(
            img_from_lidar=torch.stack(matrices * copies),
            image_size=torch.tensor([[HEIGHT, WIDTH]] * views),
            pad_size=(HEIGHT, WIDTH),
            valid=torch.ones(views, dtype=torch.bool),
            age_s=torch.arange(copies).double().repeat_interleave(6) * 1.2,
        ),
        camera_names=tuple(f"CAM_{index}" for index in range(views)),
        global_from_lidar=torch.eye(4, dtype=torch.float64),
        ego_from_lidar=torch.eye(4, dtype=torch.float64),
    )


@torch.no_grad()
def measure(name: str) -> dict[str, float]:
    """Figures of one detector, in this process."""
    torch.set_num_threads(1)
    spec = DetectorSpec.of_config(load_config(published_detectors()[name].config))
    detector, postprocess = spec.build_detector()
    detector.eval()
    frame = frame_of_noise(2 if spec.test_data.get("past") else 1)
    for transform in spec.test_data["transforms"]:
        arguments = {key: value for key, value in transform.items() if key != "type"}
        frame = transform["type"](**arguments)(frame, torch.Generator())
    batch = collate_frames([frame])
    images, cameras, moments = batch.inputs
    seconds, memory = [], None
    for index in range(FRAMES):
        start = time.process_time()
        now = Moments(
            moments.global_from_lidar,
            moments.timestamp_s + index / 2,
            moments.continues | index > 0,
        )
        outputs, memory = detector(images, cameras, now, memory)
        postprocess(outputs)
        seconds.append(time.process_time() - start)
    return {
        "seconds": sum(seconds[1:]) / len(seconds[1:]),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "weights_m": sum(p.numel() for p in detector.parameters()) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--one", action="store_true", help="one name, as JSON, in this process")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(*args.names)))
        return
    print(f"{'detector':36s} {'CPU-s a frame':>14s} {'peak GB':>8s} {'M weights':>10s}")
    for name in args.names or published_detectors():
        command = [sys.executable, "-m", "benchmarks.published_size", "--one", name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(said.splitlines()[-1])
        print(
            f"{name:36s} {found['seconds']:14.2f} {found['peak_gb']:8.2f}"
            f" {found['weights_m']:10.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
