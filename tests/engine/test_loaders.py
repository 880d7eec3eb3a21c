"""Data loaders."""

import pytest
import torch

from drivetr.engine.build import Builder
from drivetr.engine.loaders import (
    LoaderSettings,
    batches,
    build_dataset,
    loader_for_testing,
    loader_for_training,
)
from drivetr.errors import DrivetrError
from drivetr.structures.frame import Frame
from tests.engine.tiny import TinyDataset

CPU = torch.device("cpu")
NODE = dict(type=TinyDataset, dataroot="root", version="v", split="s", batch_size=3, num_workers=0)


class BrokenDataset(TinyDataset):
    """Has one sample that cannot be read."""

    def __getitem__(self, key: object) -> Frame:
        raise DrivetrError("image x.jpg is cut off, expected 1600x900")


class TestBuild:
    def test_names_become_the_index(self):
        dataset, settings = build_dataset(NODE, "train_data", Builder("c.py"))
        assert dataset.version == "v"
        assert dataset.split == "s"
        assert settings == LoaderSettings(batch_size=3, num_workers=0)

    @pytest.mark.parametrize("name", ["type", "dataroot", "version"])
    def test_missing(self, name):
        node = {k: v for k, v in NODE.items() if k != name}
        with pytest.raises(DrivetrError, match=f"c.py: train_data needs '{name}'"):
            build_dataset(node, "train_data", Builder("c.py"))

    def test_misspelt(self):
        with pytest.raises(DrivetrError, match=r"no argument 'bach_size'"):
            build_dataset({**NODE, "bach_size": 2}, "train_data", Builder("c.py"))


class TestTraining:
    def tokens(self, start: int, count: int, workers: int = 0) -> list[list[str]]:
        dataset = TinyDataset(("root", "v"), "s")
        loader = loader_for_training(dataset, LoaderSettings(2, workers), 0, CPU)
        loader.sampler.start_at(start)
        stream = batches(loader)
        return [[frame.token for frame in next(stream).frames] for _ in range(count)]

    def test_goes_on_where_it_is_told_to(self):
        assert self.tokens(5, 4) == self.tokens(0, 9)[5:]

    def test_number_of_workers_plays_no_part(self):
        assert self.tokens(0, 6, workers=2) == self.tokens(0, 6)

    def test_each_epoch_shows_each_frame_once(self):
        seen = [token for batch in self.tokens(0, 7) for token in batch]
        assert sorted(seen[:7]) == sorted(seen[7:]) == [f"token{i}" for i in range(7)]

    def test_making_an_iterator_leaves_the_global_generator_alone(self):
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        self.tokens(0, 2)
        assert torch.equal(torch.rand(2), expected)


def test_testing_shows_all_in_order():
    loader = loader_for_testing(TinyDataset(("root", "v"), "s"), LoaderSettings(3, 0), CPU)
    tokens = [frame.token for batch in batches(loader) for frame in batch.frames]
    assert tokens == [f"token{i}" for i in range(7)]


@pytest.mark.parametrize("workers", [0, 1])
def test_error_in_a_worker_is_one_sentence(workers):
    loader = loader_for_testing(BrokenDataset(("r", "v"), "s"), LoaderSettings(2, workers), CPU)
    with pytest.raises(DrivetrError) as caught:
        list(batches(loader))
    assert str(caught.value) == "image x.jpg is cut off, expected 1600x900"
