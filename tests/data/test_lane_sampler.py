"""Lanes of consecutive frames: nothing lost, nothing twice, nothing remembered."""

from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from drivetr.data.lane_sampler import LaneSampler, split_evenly
from drivetr.data.sampler import DrawKey


@st.composite
def sequence_lists(draw) -> list[range]:
    """Ranges side by side, as a dataset's sequences are."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    return [range(a, b) for a, b in pairwise(starts)]


batch_sizes, world_sizes = st.integers(1, 5), st.integers(1, 4)


def take(sampler: LaneSampler, count: int) -> list[DrawKey]:
    return list(islice(sampler, count))


def lane_streams(sequences, batch, world, iterations, seed=0) -> list[list[DrawKey]]:
    """What each lane of the run shows, iteration after iteration."""
    streams = {}
    for rank in range(world):
        keys = take(LaneSampler(sequences, batch, seed, rank, world), batch * iterations)
        for slot in range(batch):
            streams[slot * world + rank] = keys[slot::batch]
    return [streams[lane] for lane in sorted(streams)]


class TestSplit:
    @pytest.mark.parametrize(
        ("run", "parts", "expected"),
        [
            (range(0, 40), 2, [range(0, 20), range(20, 40)]),
            (range(5, 12), 2, [range(5, 8), range(8, 12)]),
            (range(3, 5), 4, [range(3, 4), range(4, 5)]),
            (range(3, 9), 1, [range(3, 9)]),
        ],
    )
    def test_values(self, run, parts, expected):
        assert split_evenly([run], parts) == expected


class TestLanes:
    @settings(max_examples=60)
    @given(sequence_lists(), st.integers(0, 3), batch_sizes, world_sizes)
    def test_every_epoch_shows_every_frame_once(self, sequences, seed, batch, world):
        size, num_lanes = sum(map(len, sequences)), batch * world
        keys = [LaneSampler(sequences, num_lanes, seed).key_at(p) for p in range(4 * size)]
        for epoch in range(4):
            shown = [key.index for key in keys[epoch * size : (epoch + 1) * size]]
            assert sorted(shown) == list(range(size))
        assert len({key.seed for key in keys}) == len(keys)

    @settings(max_examples=60)
    @given(sequence_lists(), batch_sizes, world_sizes)
    def test_a_frame_that_continues_follows_the_one_before_in_its_lane(
        self, sequences, batch, world
    ):
        size = sum(map(len, sequences))
        first = {sequence.start for sequence in sequences}
        for stream in lane_streams(sequences, batch, world, 3 * size):
            assert not stream[0].continues
            for before, key in pairwise(stream):
                if key.continues:
                    assert key.index == before.index + 1
                    assert key.index not in first
                    assert key.sequence_seed == before.sequence_seed
                else:
                    assert key.sequence_seed != before.sequence_seed

    @settings(max_examples=60)
    @given(sequence_lists(), batch_sizes, world_sizes)
    def test_only_starts_and_cuts_break_a_lane(self, sequences, batch, world):
        """A lane starts afresh inside a sequence only where its share of an epoch begins."""
        size, epochs = sum(map(len, sequences)), 3
        first = {sequence.start for sequence in sequences}
        streams = lane_streams(sequences, batch, world, epochs * size // (batch * world))
        for stream in streams:
            cuts = [key for key in stream if not key.continues and key.index not in first]
            assert len(cuts) <= epochs

    @settings(max_examples=40)
    @given(sequence_lists(), st.integers(0, 60), st.integers(0, 3), batch_sizes, world_sizes)
    def test_resumed_stream_is_the_tail(self, sequences, start, seed, batch, world):
        for rank in range(world):
            full = take(LaneSampler(sequences, batch, seed, rank, world), batch * (start + 5))
            resumed = LaneSampler(sequences, batch, seed, rank, world)
            resumed.start_at(start)
            assert take(resumed, batch * 5) == full[batch * start :]

    def test_long_sequences_stay_whole_in_few_lanes(self):
        """Two lanes, four sequences of ten: of the starts only one a lane can be a cut."""
        sequences = [range(10 * n, 10 * n + 10) for n in range(4)]
        streams = lane_streams(sequences, 2, 1, 20)
        starts = [key.index for stream in streams for key in stream if not key.continues]
        assert sorted(starts) == [0, 10, 20, 30]

    def test_a_lane_comes_again_after_its_turn(self):
        """Two lanes in each of three turns: the next frame of a lane is three batches later."""
        sequences = [range(8 * n, 8 * n + 8) for n in range(6)]
        keys = take(LaneSampler(sequences, 2, turns=3), 48)
        for place in range(6):
            lane = [key.index for key in keys[place::6]]
            assert lane == list(range(lane[0], lane[0] + 8))
        assert len({key.index // 8 for key in keys[:6]}) == 6

    def test_epochs_and_seeds_differ(self):
        sequences = [range(3 * n, 3 * n + 3) for n in range(12)]
        keys, other = take(LaneSampler(sequences, 1), 72), take(LaneSampler(sequences, 1, 1), 36)
        first, second = ([key.index for key in part] for part in (keys[:36], keys[36:]))
        assert first != second
        assert first != [key.index for key in other]
        assert not {k.sequence_seed for k in keys} & {k.sequence_seed for k in other}

    def test_without_frames(self):
        with pytest.raises(ValueError, match="num_samples 0"):
            LaneSampler([], 1)


class _Echo:
    """Returns its key."""

    def __len__(self) -> int:
        return 23

    def __getitem__(self, key: DrawKey) -> DrawKey:
        return key


def test_batches_hold_the_lanes_in_order_with_any_number_of_workers():
    sequences = split_evenly([range(0, 14), range(14, 23)], 2)

    def batches(workers: int, start: int) -> list[list[DrawKey]]:
        sampler = LaneSampler(sequences, 3, seed=5)
        sampler.start_at(start)
        loader = DataLoader(_Echo(), 3, sampler=sampler, num_workers=workers, collate_fn=list)
        return list(islice(loader, 12 - start))

    alone = batches(0, 0)
    expected = lane_streams(sequences, 3, 1, 12, seed=5)
    assert [list(lane) for lane in zip(*alone, strict=True)] == expected
    assert batches(2, 0) == alone
    assert batches(2, 5) == alone[5:]
