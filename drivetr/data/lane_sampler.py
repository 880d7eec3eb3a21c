"""Which frame comes when in the training of a model with a memory: lanes of consecutive frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.data.sampler import DrawKey, StreamSampler, generator_from, seed_from


def split_evenly(runs: Sequence[range], parts: int) -> list[range]:
    """Each run cut into so many parts, whose lengths differ by one at most; none is empty."""
    pieces = []
    for run in runs:
        cuts = [len(run) * part // parts for part in range(parts + 1)]
        pieces += [run[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
    return pieces


@dataclass(frozen=True)
class _Epoch:
    """The frames of an epoch, those of the first lane first.

    Attributes:
        index: of each frame in the dataset.
        piece: where in `index` the unbroken run that a frame belongs to starts in its lane.
        lane_start: where each lane starts.
    """

    index: NDArray[np.int64]
    piece: NDArray[np.int64]
    lane_start: NDArray[np.int64]


class LaneSampler(StreamSampler):
    """Like `StreamSampler`, but each place in the batch is a lane that shows frames in order.

    In each epoch the sequences are shuffled and laid end to end, and the row is cut into as many
    parts as there are lanes, `batch_size * world_size * turns`; where a cut hits a sequence, its
    rest starts afresh in the next lane. A lane goes on to the next epoch as soon as its part ends:
    parts differ by one frame, and over the epochs every lane gets the longer ones in turn, so that
    no frame is dropped or repeated.

    Position p of the stream is lane p % lanes at its frame p // lanes, and stands in epoch
    p // num_samples, as in `StreamSampler`; lane l belongs to rank l % world_size. So with several
    turns a batch shows the first lanes, the next batch the next ones, until all have shown a frame:
    steps that follow each other show other scenes, as shuffled frames do.

    Args:
        sequences: positions in the dataset of consecutive frames.
        batch_size: lanes of each rank.
        seed: of the order and of all augmentation.
        rank: of this process.
        world_size: number of processes.
        turns: batches of lanes that take turns.

    Raises:
        ValueError: without any frame, or for a rank outside the world.
    """

    def __init__(
        self,
        sequences: Sequence[range],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        turns: int = 1,
    ) -> None:
        super().__init__(sum(map(len, sequences)), batch_size, seed, rank, world_size)
        self.sequences = tuple(sequences)
        self.lanes = batch_size * world_size * turns
        self._epochs: dict[int, _Epoch] = {}

    def key_at(self, position: int) -> DrawKey:
        """What stands at a position of the stream that all ranks share."""
        iteration, lane = divmod(position, self.lanes)
        number = position // self.num_samples
        epoch = self._epoch(number)
        place = int(epoch.lane_start[lane] + iteration - self._taken(number)[lane])
        piece = int(epoch.piece[place])
        return DrawKey(
            int(epoch.index[place]),
            seed_from("draw", self.seed, position),
            seed_from("sequence", self.seed, number, piece),
            continues=place > piece,
        )

    def _taken(self, epochs: int) -> NDArray[np.int64]:
        """Frames that each lane shows in the first epochs; equal shares, the first lanes' larger.

        They add up to all frames of these epochs, for any number of epochs.
        """
        return (epochs * self.num_samples + self.lanes - 1 - np.arange(self.lanes)) // self.lanes

    def _epoch(self, number: int) -> _Epoch:
        """The order of an epoch; the last two are kept, since lanes change at different times."""
        if number not in self._epochs:
            self._epochs = {n: epoch for n, epoch in self._epochs.items() if abs(n - number) == 1}
            self._epochs[number] = self._shuffled(number)
        return self._epochs[number]

    def _shuffled(self, number: int) -> _Epoch:
        order = torch.randperm(
            len(self.sequences), generator=generator_from(seed_from("order", self.seed, number))
        )
        chosen = [np.asarray(self.sequences[i]) for i in order.tolist()]
        lengths = np.array([len(sequence) for sequence in chosen])
        share = self._taken(number + 1) - self._taken(number)
        lane_start = np.cumsum(share) - share
        sequence_start = np.repeat(np.cumsum(lengths) - lengths, lengths)
        piece = np.maximum(sequence_start, np.repeat(lane_start, share))
        return _Epoch(np.concatenate(chosen), piece, lane_start)
