"""Samplers: nothing lost, nothing twice, nothing remembered."""

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from drivetr.data.sampler import (
    DrawKey,
    StreamSampler,
    generator_from,
    index_and_draws,
    seed_from,
)

sizes = st.integers(1, 40)


def take(sampler, count):
    return list(islice(sampler, count))


class TestSeeds:
    def test_value_is_fixed(self):
        """The stream of a run must not change with a release."""
        assert seed_from("draw", 0, 0) == 1989901554133687527

    def test_range_and_spread(self):
        seeds = {seed_from(a, b) for a in range(30) for b in range(300)}
        assert len(seeds) == 9000
        assert all(0 <= seed < 2**63 for seed in seeds)

    def test_neighbours_draw_unrelated_numbers(self):
        draws = [torch.rand((), generator=generator_from(seed_from(0, n))) for n in range(4000)]
        draws = torch.stack(draws)
        assert abs(draws.mean() - 0.5) < 0.03
        assert abs(torch.corrcoef(torch.stack([draws[:-1], draws[1:]]))[0, 1]) < 0.06


class TestStream:
    @settings(max_examples=40, deadline=None)
    @given(sizes, st.integers(1, 5), st.integers(1, 4), st.integers(0, 9), st.integers(0, 100))
    def test_resumed_stream_is_the_tail(self, size, batch, world, seed, start):
        for rank in range(world):
            full = take(StreamSampler(size, batch, seed, rank, world), batch * (start + 3))
            resumed = StreamSampler(size, batch, seed, rank, world)
            resumed.start_at(start)
            assert take(resumed, batch * 3) == full[batch * start :]

    @settings(max_examples=40, deadline=None)
    @given(sizes, st.integers(1, 5), st.integers(1, 4), st.integers(0, 9))
    def test_ranks_share_out_one_stream(self, size, batch, world, seed):
        """The ranks together hold what one process with the whole batch would hold."""
        alone = take(StreamSampler(size, batch * world, seed), batch * world * 4)
        ranks = [take(StreamSampler(size, batch, seed, r, world), batch * 4) for r in range(world)]
        for i in range(4):
            together = [ranks[r][i * batch + j] for j in range(batch) for r in range(world)]
            assert together == alone[i * batch * world : (i + 1) * batch * world]

    @settings(max_examples=40, deadline=None)
    @given(sizes, st.integers(0, 9))
    def test_every_epoch_is_a_permutation(self, size, seed):
        keys = take(StreamSampler(size, 3, seed), size * 4)
        for epoch in range(4):
            indices = [key.index for key in keys[epoch * size : (epoch + 1) * size]]
            assert sorted(indices) == list(range(size))
        assert len({key.seed for key in keys}) == len(keys)

    def test_epochs_and_seeds_differ(self):
        keys = take(StreamSampler(50, 1, seed=0), 100)
        other = take(StreamSampler(50, 1, seed=1), 50)
        first, second = ([k.index for k in part] for part in (keys[:50], keys[50:]))
        assert first != second
        assert first != [k.index for k in other]
        assert not {k.seed for k in keys} & {k.seed for k in other}

    def test_length_is_one_epoch_of_a_rank(self):
        assert len(StreamSampler(10, 2, world_size=4, rank=3)) == 3

    @pytest.mark.parametrize("options", [{"num_samples": 0}, {"batch_size": 0}, {"rank": 1}])
    def test_nonsense(self, options):
        with pytest.raises(ValueError, match="StreamSampler"):
            StreamSampler(**{"num_samples": 4, "batch_size": 1, **options})


class _Echo(Dataset):
    """Returns its key and the first draw from its seed."""

    def __len__(self):
        return 11

    def __getitem__(self, key: DrawKey):
        return key.index, torch.rand((), generator=generator_from(key.seed)).item()


def test_number_of_workers_plays_no_part():
    def batches(workers, start):
        sampler = StreamSampler(11, batch_size=2, seed=5)
        sampler.start_at(start)
        loader = DataLoader(
            _Echo(), 2, sampler=sampler, num_workers=workers, collate_fn=list, prefetch_factor=None
        )
        return list(islice(loader, 8 - start))

    alone = batches(0, 0)
    assert batches(2, 0) == alone
    assert batches(2, 3) == alone[3:]


def test_a_plain_index_always_gives_the_same_draws():
    def drawn(key):
        index, generator = index_and_draws(key)
        return index, torch.rand(3, generator=generator).tolist()

    assert drawn(4) == drawn(4)
    assert drawn(4)[0] == drawn(DrawKey(4, 7))[0] == 4
    assert drawn(4)[1] != drawn(5)[1]
    assert drawn(DrawKey(4, 7))[1] == drawn(DrawKey(9, 7))[1] != drawn(DrawKey(4, 8))[1]
