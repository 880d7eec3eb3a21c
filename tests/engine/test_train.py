"""Training end to end, in this process: resume, failures and what the work folder holds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.kill_resume import differences, last_rows
from drivetr.data.lane_sampler import LaneSampler, split_evenly
from drivetr.engine.checkpoint import (
    list_checkpoints,
    read_checkpoint,
    save_checkpoint,
    unfinished_checkpoints,
)
from drivetr.engine.config import RunConfig, load_config
from drivetr.engine.train import RunOptions, train
from drivetr.errors import DrivetrError
from tests.engine.tiny_stream import SCENES

CONFIG = Path(__file__).with_name("tiny_config.py")
STREAM_CONFIG = Path(__file__).with_name("tiny_stream_config.py")


def config_with(**changes: object) -> RunConfig:
    return load_config(CONFIG, {"train_data.num_workers": 0, **changes})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 iterations that nobody disturbed."""
    work_dir = tmp_path_factory.mktemp("reference")
    train(load_config(CONFIG), RunOptions(work_dir, device="cpu"))
    return work_dir


class TestResume:
    def test_state_and_rows_equal_those_of_an_undisturbed_run(self, reference, tmp_path):
        config = load_config(CONFIG)
        train(
            replace(config, checkpoint={"interval": 5, "keep": 9}),
            RunOptions(tmp_path, device="cpu"),
        )
        for path in list_checkpoints(tmp_path):
            if path.stem != "iter_10":
                path.unlink()
        assert len(torch.rand(5)) == 5  # a resumed process starts elsewhere
        train(config, RunOptions(tmp_path, resume="auto", device="cpu"))
        assert differences(tmp_path, reference) == []
        assert set(last_rows(tmp_path)) >= {3, 6, 9, 12, 15, 18}

    def test_without_workers(self, tmp_path):
        config = replace(config_with(), checkpoint={"interval": 4, "keep": 9})
        undisturbed, resumed = tmp_path / "undisturbed", tmp_path / "resumed"
        train(config, RunOptions(undisturbed, device="cpu"))
        middle = str(undisturbed / "iter_12.pth")
        train(config, RunOptions(resumed, resume=middle, device="cpu"))
        assert differences(resumed, undisturbed) == [
            f"log row {i}" for i in last_rows(undisturbed) if i <= 12
        ]

    def test_difference_would_be_noticed(self, reference, tmp_path):
        config = config_with(**{"train_data.num_workers": 2, "optimizer.lr": 0.0100001})
        train(config, RunOptions(tmp_path, device="cpu"))
        assert {"model", "ema", "optimizer", "log"} < set(differences(tmp_path, reference))

    def test_damaged_newest_checkpoint_gives_way_to_the_last(self, reference, tmp_path, capfd):
        config = load_config(CONFIG)
        train(config, RunOptions(tmp_path, device="cpu"))
        newest = tmp_path / "iter_20.pth"
        newest.write_bytes(newest.read_bytes()[:-1000])
        train(config, RunOptions(tmp_path, resume="auto", device="cpu"))
        said = capfd.readouterr()
        assert "iter_20.pth is cut off" in said.out + said.err
        assert "after iteration 16" in said.out + said.err
        assert differences(tmp_path, reference) == []

    def test_nothing_to_resume_starts_afresh(self, tmp_path):
        last = train(config_with(**{"schedule.iterations": 2}), RunOptions(tmp_path, resume="auto"))
        assert read_checkpoint(last)["iteration"] == 2

    def test_an_older_checkpoint_does_not_mix_with_newer_ones(self, tmp_path):
        config = config_with(**{"schedule.iterations": 4, "checkpoint.interval": 2})
        train(config, RunOptions(tmp_path, device="cpu"))
        middle = str(tmp_path / "iter_2.pth")
        with pytest.raises(DrivetrError, match="holds iter_4.pth, which is newer than"):
            train(config, RunOptions(tmp_path, resume=middle, device="cpu"))

    def test_fresh_run_does_not_mix_with_an_earlier_one(self, tmp_path):
        config = config_with(**{"schedule.iterations": 2})
        train(config, RunOptions(tmp_path))
        with pytest.raises(DrivetrError, match="earlier run; go on with --resume"):
            train(config, RunOptions(tmp_path))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"seed": 5}, "seed 0, now it is 5"),
            (
                {"train_data.batch_size": 1},
                "1 processes with 2 frames each, now it is 1 with 1; keep the product",
            ),
            ({"schedule.iterations": 30}, "iterations 2, now it is 30"),
            ({"model.num_queries": 4}, "model.num_queries is not that of the run so far"),
            ({"ema": None}, "has an ema"),
        ],
    )
    def test_another_run_is_refused(self, tmp_path, change, said):
        train(config_with(**{"schedule.iterations": 2}), RunOptions(tmp_path))
        with pytest.raises(DrivetrError, match=said):
            train(
                config_with(**{"schedule.iterations": 2, **change}),
                RunOptions(tmp_path, resume="auto"),
            )


class TestMemory:
    """A detector that remembers the last frame of each lane."""

    @staticmethod
    def config(**changes: object) -> RunConfig:
        options = {"train_data.num_workers": 0, "checkpoint.interval": 1, "checkpoint.keep": 9}
        return load_config(STREAM_CONFIG, {"schedule.iterations": 9, **options, **changes})

    def test_resumed_inside_a_scene(self, tmp_path):
        undisturbed, resumed, forgetful = (tmp_path / n for n in ("undisturbed", "resumed", "none"))
        train(self.config(), RunOptions(undisturbed, device="cpu"))
        sampler = LaneSampler(split_evenly(SCENES, 2), 2, turns=2)
        inside = [
            i for i in range(2, 8) if all(sampler.key_at(p).continues for p in (2 * i, 2 * i + 1))
        ]
        content = read_checkpoint(undisturbed / f"iter_{inside[0]}.pth")
        assert content["memory"][0]["0.content"].shape == (2, 1, 4)
        for folder in (resumed, forgetful):
            if folder == forgetful:
                content["memory"] = [{}]
            start = save_checkpoint(content, folder / "start", keep=1)
            train(self.config(), RunOptions(folder, resume=str(start), device="cpu"))
        parts = {part for part in differences(resumed, undisturbed) if "log row" not in part}
        assert parts == set()
        assert {"model", "memory"} <= set(differences(forgetful, undisturbed))

    def test_without_gradients_from_the_frame_before(self, tmp_path):
        """The tiny detector's memory has gradients; a second step through them would fail."""
        last = train(self.config(ema=None, amp="bf16"), RunOptions(tmp_path, device="cpu"))
        assert not read_checkpoint(last)["memory"][0]["0.content"].requires_grad

    def test_shuffled_frames_are_refused(self, tmp_path):
        shuffled = {"train_data.streaming": False, "train_data.sequences_per_scene": 2}
        shuffled["train_data.turns"] = 1
        with pytest.raises(DrivetrError, match="TinyStreamDetector has a memory and wants frames"):
            train(self.config(**shuffled), RunOptions(tmp_path))

    def test_lanes_without_streaming_are_refused(self, tmp_path):
        with pytest.raises(DrivetrError, match="turns is for streaming=True only"):
            train(config_with(**{"train_data.turns": 3}), RunOptions(tmp_path))

    def test_other_lanes_are_not_resumed(self, tmp_path):
        """Their memories would belong to other scenes."""
        train(self.config(), RunOptions(tmp_path, device="cpu"))
        other = self.config(**{"train_data.sequences_per_scene": 5})
        with pytest.raises(DrivetrError, match="sequences_per_scene is not that of the run so far"):
            train(other, RunOptions(tmp_path, resume="auto", device="cpu"))

    def test_a_detector_without_memory_may_have_lanes(self, tmp_path):
        plain = replace(self.config(), model=config_with().model)
        last = train(plain, RunOptions(tmp_path, device="cpu"))
        assert read_checkpoint(last)["memory"] == [{}]

    def test_samples_without_an_order_are_refused(self, tmp_path):
        config = config_with(**{"train_data.streaming": True})
        with pytest.raises(DrivetrError, match="streaming=True needs frames in the order of time"):
            train(config, RunOptions(tmp_path))


class TestFailures:
    def test_infinite_loss_names_the_samples_and_saves_nothing_bad(self, tmp_path):
        config = config_with(**{"train_data.version": "bad", "checkpoint.interval": 1})
        with pytest.raises(DrivetrError, match=r"the loss is not finite .*samples .*not_finite_"):
            train(config, RunOptions(tmp_path))
        (told,) = tmp_path.glob("not_finite_*.json")
        assert "token3" in told.read_text()
        for path in list_checkpoints(tmp_path):
            assert all(v.isfinite().all() for v in read_checkpoint(path)["model"].values())

    def test_fp16_on_the_cpu(self, tmp_path):
        with pytest.raises(DrivetrError, match="fp16' needs a CUDA device"):
            train(config_with(amp="fp16"), RunOptions(tmp_path, device="cpu"))

    def test_work_dir_below_a_file(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DrivetrError, match="cannot be written"):
            train(config_with(), RunOptions(tmp_path / "file" / "run"))


class TestRun:
    def test_bf16_on_the_cpu_changes_the_result_a_little(self, tmp_path):
        short = {"schedule.iterations": 3}
        exact = train(config_with(**short), RunOptions(tmp_path / "a", device="cpu"))
        rough = train(config_with(**short, amp="bf16"), RunOptions(tmp_path / "b", device="cpu"))
        a, b = (read_checkpoint(p)["model"]["detector.boxes.weight"] for p in (exact, rough))
        assert not torch.equal(a, b)
        torch.testing.assert_close(a, b, rtol=0.1, atol=0.02)

    def test_work_folder(self, reference):
        assert [p.name for p in list_checkpoints(reference)] == ["iter_20.pth", "iter_16.pth"]
        assert (reference / "last.pth").readlink() == Path("iter_20.pth")
        assert not unfinished_checkpoints(reference)
        record = json.loads(next(reference.glob("*/run.json")).read_text())
        assert record["config"]["optimizer"]["lr"] == 0.01
        assert "TinyBackbone" in record["config_text"]
        assert record["world_size"] == 1
        assert next(reference.glob("*/vis_data/events*"))

    def test_length_and_rate_follow_the_real_batch_size(self, tmp_path, capfd):
        config = config_with(
            **{"schedule.iterations": 8, "train_data.batch_size": 4, "reference_batch_size": 2}
        )
        last = train(config, RunOptions(tmp_path))
        assert read_checkpoint(last)["iteration"] == 4
        said = capfd.readouterr()
        assert "4 iterations of 4 frames" in said.out + said.err
        assert "multiplied by 2" in said.out + said.err

    def test_rate_of_each_module_and_iteration(self, reference):
        groups = read_checkpoint(reference / "last.pth")["optimizer"]["param_groups"]
        assert len(groups) == 2
        assert groups[1]["lr"] == pytest.approx(0.1 * groups[0]["lr"])
        rows = last_rows(reference)
        assert rows[3]["lr"] == pytest.approx(0.01 * (1 / 3 + 2 / 3 * 2 / 3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
def test_cuda_resumes_to_the_same_state(tmp_path, amp):
    config = config_with(amp=amp, **{"schedule.iterations": 8, "checkpoint.interval": 4})
    undisturbed, resumed = tmp_path / "undisturbed", tmp_path / "resumed"
    train(config, RunOptions(undisturbed, device="cuda"))
    train(config, RunOptions(resumed, resume=str(undisturbed / "iter_4.pth"), device="cuda"))
    assert not {"model", "ema", "optimizer", "rng"} & set(differences(resumed, undisturbed))
