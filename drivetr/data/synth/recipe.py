"""What fully determines a synthetic dataset."""

from dataclasses import dataclass

from drivetr.data.synth.rig import Rig

FORMAT = 3  # raised when the same arguments give other bytes
KEYFRAME_US = 500_000
SWEEP_US = 100_000  # between two sweeps


@dataclass(frozen=True)
class Recipe:
    """The arguments of `drivetr synth` that change what is written.

    Attributes:
        rig: The sensors.
        scenes: Number of scenes.
        val_scenes: How many of them, the last ones, are synth_val.
        frames_per_scene: Keyframes of a scene, 0.5 s apart.
        seed: Of everything.
        reach: Objects live within this many metres of the ego along both of its axes.
        density: Factor on the number of objects.
        sweeps: Whether frames between the keyframes are written, 0.1 s apart.
    """

    rig: Rig
    scenes: int
    val_scenes: int
    frames_per_scene: int
    seed: int
    reach: float
    density: float
    sweeps: bool

    @property
    def duration(self) -> float:
        """Seconds from the first to the last keyframe."""
        return (self.frames_per_scene - 1) * KEYFRAME_US * 1e-6
