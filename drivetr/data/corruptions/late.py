"""A camera whose images arrive late."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.records import CameraRecord
from drivetr.data.sampler import seed_from
from drivetr.errors import DrivetrError

_NEAR_US = 60_000  # nuScenes' cameras expose every 83 ms, so that the nearest image is 42 ms off


@dataclass(frozen=True)
class LateCamera:
    """One camera of each scene shows an earlier image as if it were of now.

    Pose, calibration and time are those of now: the detector is not told. Which camera it is is
    random for each scene. Where no image is as old, as at the beginning of a scene, it is in time.

    Attributes:
        delay_ms: age of the image in milliseconds, as near as there is one.
    """

    delay_ms: float

    def records(
        self, index: NuScenesIndex, row: int, scene: str, present: Sequence[CameraRecord | None]
    ) -> list[CameraRecord | None]:
        """The images of a sample as they are delivered.

        Args:
            index: of the dataset.
            row: of the sample.
            scene: name of its scene.
            present: one an entry of `index.camera_names`, None for a camera without.
        """
        delivered = list(present)
        late = seed_from("camera_late", scene) % len(delivered)
        record = delivered[late]
        earlier = None if record is None else self._earlier(index, row, record.channel)
        if record is not None and earlier is not None:
            delivered[late] = replace(record, filename=index.image(earlier).filename)
        return delivered

    def files(self, index: NuScenesIndex, rows: NDArray[np.int64]) -> list[str]:
        """Names of the earlier images of many samples.

        Raises:
            DrivetrError: none of the samples has an image as old.
        """
        found = []
        for row in rows.tolist():
            scene = index.scene_name(row)
            channel = index.camera_names[seed_from("camera_late", scene) % len(index.camera_names)]
            earlier = self._earlier(index, row, channel)
            found += [] if earlier is None else [index.image(earlier).filename]
        if not found:
            raise DrivetrError(
                f"{index.dataroot / index.version}: no camera has an image {self.delay_ms:g} ms"
                " before a keyframe; without sweeps only a delay of a keyframe's distance, such as"
                " 500 ms, can be tested (drivetr synth --sweeps writes sweeps)"
            )
        return found

    def _earlier(self, index: NuScenesIndex, row: int, channel: str) -> int | None:
        """Number of the image that is nearest to the delay, None where none is near."""
        history = index.history(row, channel)
        if not history:
            return None
        now, *before = index.image_times_us([history.start + 1, *history])
        off = np.abs(now - np.array(before) - 1000 * self.delay_ms)
        nearest = int(np.argmin(off))
        return history[nearest] if off[nearest] <= _NEAR_US else None
