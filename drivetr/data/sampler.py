"""Which sample comes when in training: an endless stream without a state.

Everything random is a function of (seed, position in the stream). Nothing is remembered, so a
resumed run only has to know its iteration number, and the number of loader workers plays no part.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import Sampler


@dataclass(frozen=True)
class DrawKey:
    """Asks a dataset for one sample with the random draws of one place in the stream.

    Attributes:
        index: which sample of the dataset.
        seed: of the generator that every random transform of this sample draws from.
        sequence_seed: the same for all samples of a sequence, of what is drawn once for it; None
            where samples come one by one.
        continues: the sample before it in its lane is the one before it in the dataset.
    """

    index: int
    seed: int
    sequence_seed: int | None = None
    continues: bool = False


def seed_from(*parts: int | str) -> int:
    """A seed in [0, 2**63) from numbers and names: BLAKE2b of them joined by slashes.

    Neighbouring positions give unrelated seeds, unlike sums and products of the parts; the value is
    the same on every platform and in every process, unlike `hash`.
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator_from(seed: int) -> torch.Generator:
    """A CPU generator that starts at `seed`."""
    return torch.Generator().manual_seed(seed)


def index_and_draws(key: int | DrawKey) -> tuple[int, torch.Generator]:
    """Which sample a dataset is asked for, and the generator of all its random transforms.

    Args:
        key: from `StreamSampler`, which brings the random draws of its place in the stream; or a
            plain index, which always gives the same draws.
    """
    if not isinstance(key, DrawKey):
        key = DrawKey(key, seed_from("plain", key))
    return key.index, generator_from(key.seed)


class StreamSampler(Sampler[DrawKey]):
    """The endless stream of shuffled samples that one rank of a training run sees.

    Position p of the stream shows sample `permutation(epoch)[p % num_samples]` with
    epoch = p // num_samples. Iteration i covers the positions from i * batch_size * world_size on;
    within it position p belongs to rank p % world_size. A batch may reach over the end of an epoch,
    so that no sample is dropped or repeated.

    Args:
        num_samples: size of the dataset.
        batch_size: samples a rank takes at each iteration.
        seed: of the order and of all augmentation.
        rank: of this process.
        world_size: number of processes.
        start: first iteration, for a resumed run.

    Raises:
        ValueError: for an empty dataset or a rank outside the world.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        start: int = 0,
    ) -> None:
        if num_samples < 1 or batch_size < 1 or not 0 <= rank < world_size:
            raise ValueError(
                f"StreamSampler: num_samples {num_samples} and batch_size {batch_size} must be"
                f" positive and rank {rank} within world_size {world_size}"
            )
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start
        self._permutation: tuple[int, list[int]] = (-1, [])

    def start_at(self, iteration: int) -> None:
        """Lets the next pass begin with this iteration's batch; nothing is replayed."""
        self.start = iteration

    def key_at(self, position: int) -> DrawKey:
        """What stands at a position of the stream that all ranks share."""
        epoch, place = divmod(position, self.num_samples)
        if self._permutation[0] != epoch:
            order = generator_from(seed_from("order", self.seed, epoch))
            self._permutation = (epoch, torch.randperm(self.num_samples, generator=order).tolist())
        return DrawKey(self._permutation[1][place], seed_from("draw", self.seed, position))

    def __iter__(self) -> Iterator[DrawKey]:
        """Endless keys of this rank, batch after batch."""
        position = self.start * self.batch_size * self.world_size + self.rank
        while True:
            yield self.key_at(position)
            position += self.world_size

    def __len__(self) -> int:
        """Samples this rank takes in one epoch, rounded up; the stream itself has no end."""
        return -(-self.num_samples // self.world_size)
