"""Data loaders."""

from itertools import pairwise

import pytest
import torch

from drivetr.engine.build import Builder
from drivetr.engine.loaders import (
    LoaderSettings,
    TrainLoaderSettings,
    batches,
    build_dataset,
    loader_for_testing,
    loader_for_training,
)
from drivetr.errors import DrivetrError
from drivetr.structures.frame import Frame
from tests.engine.tiny import TinyDataset
from tests.engine.tiny_stream import SCENES, TinyScenes

CPU = torch.device("cpu")
NODE = dict(type=TinyDataset, dataroot="root", version="v", split="s", batch_size=3, num_workers=0)


class BrokenDataset(TinyDataset):
    """Has one sample that cannot be read."""

    def __getitem__(self, key: object) -> Frame:
        raise DrivetrError("image x.jpg is cut off, expected 1600x900")


class TestBuild:
    def test_names_become_the_index(self):
        dataset, settings = build_dataset(NODE, "train_data", Builder("c.py"), TrainLoaderSettings)
        assert dataset.version == "v"
        assert dataset.split == "s"
        assert settings == TrainLoaderSettings(batch_size=3, num_workers=0)

    @pytest.mark.parametrize("name", ["type", "dataroot", "version"])
    def test_missing(self, name):
        node = {k: v for k, v in NODE.items() if k != name}
        with pytest.raises(DrivetrError, match=f"c.py: train_data needs '{name}'"):
            build_dataset(node, "train_data", Builder("c.py"), TrainLoaderSettings)

    def test_misspelt(self):
        with pytest.raises(DrivetrError, match=r"no argument 'bach_size'"):
            build_dataset(
                {**NODE, "bach_size": 2}, "train_data", Builder("c.py"), TrainLoaderSettings
            )

    def test_the_order_is_a_matter_of_training(self):
        with pytest.raises(DrivetrError, match="test_data has no argument 'streaming'"):
            build_dataset({**NODE, "streaming": True}, "test_data", Builder("c.py"), LoaderSettings)


class TestLanes:
    def test_batches_hold_lanes_of_sequences(self):
        dataset = TinyScenes(("root", "v"), "s")
        settings = TrainLoaderSettings(2, 0, streaming=True, sequences_per_scene=1)
        sequences = settings.sequences(dataset)
        assert sequences == SCENES
        stream = batches(loader_for_training(dataset, settings, 0, CPU, sequences))
        shown = [next(stream).frames for _ in range(13)]
        for before, now in pairwise(shown):
            for lane in range(2):
                if now[lane].continues:
                    assert now[lane].timestamp_us == before[lane].timestamp_us + 500_000
        assert sum(not frame.continues for frames in shown for frame in frames) <= 3 + 1

    def test_off_by_default(self):
        assert TrainLoaderSettings().sequences(TinyScenes(("root", "v"), "s")) is None

    def test_out_of_range(self):
        with pytest.raises(ValueError, match="sequences_per_scene"):
            TrainLoaderSettings(sequences_per_scene=0)


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
    assert (
        str(caught.value)
        == "sample token0 cannot be loaded: image x.jpg is cut off, expected 1600x900"
    )
