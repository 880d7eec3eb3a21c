"""How long a run is and how fast it learns, for the real number of frames in a step."""

from dataclasses import dataclass

from drivetr.engine.build import Builder
from drivetr.engine.config import RunConfig
from drivetr.engine.schedule import Schedule


@dataclass(frozen=True)
class RunLength:
    """How long a run is and how fast it learns.

    Attributes:
        schedule: of the learning rate.
        iterations: steps of the whole run.
        lr_scale: what the config's learning rate is multiplied by.
    """

    schedule: Schedule
    iterations: int
    lr_scale: float


def length_of_run(
    config: RunConfig, builder: Builder, num_samples: int, batch_size: int, world_size: int
) -> RunLength:
    """Iterations and learning rate for the real batch size, both said in the builder's reports.

    Args:
        config: of the run.
        builder: makes the schedule.
        num_samples: frames of the training split.
        batch_size: frames of one process in a step.
        world_size: processes.
    """
    real = batch_size * world_size
    reference = config.reference_batch_size or real
    schedule: Schedule = builder.call(Schedule, config.schedule, "schedule")
    iterations = schedule.total(num_samples, real, real / reference)
    builder.reports.append(
        f"{iterations} iterations of {real} frames ({batch_size} in each of {world_size}"
        f" processes), {iterations * real / num_samples:.2f} epochs of {num_samples} frames; the"
        f" learning rate {config.optimizer.get('lr')} is for {reference} frames and multiplied by"
        f" {real / reference:g}"
    )
    return RunLength(schedule, iterations, real / reference)
