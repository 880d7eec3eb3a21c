"""2D detection on COCO through the commands: train, resume, test, evaluate, verify."""

import json
from pathlib import Path

import pytest
import torch

from drivetr.cli.main import main
from drivetr.engine.checkpoint import read_checkpoint
from tests.data.coco.small import write_small_coco

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests/engine/tiny_coco_config.py")


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    return write_small_coco(tmp_path_factory.mktemp("coco") / "small")


@pytest.fixture(scope="module")
def checkpoint(coco, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    assert train(coco, run) == 0
    return run / "last.pth"


def train(coco, run, *more):
    dataset = ["--dataroot", str(coco), "--version", "2017"]
    return main(["train", TINY, *dataset, "--work-dir", str(run), "--device", "cpu", *more])


def run_test(checkpoint, coco, out, *more, split="val2017", version="2017"):
    dataset = ["--dataroot", str(coco), "--version", version, "--split", split]
    return main(
        ["test", str(checkpoint), *dataset, "--device", "cpu", "--work-dir", str(out), *more]
    )


def test_evaluates_like_the_evaluate_command(checkpoint, coco, tmp_path, capsys):
    assert run_test(checkpoint, coco, tmp_path) == 0
    said = capsys.readouterr().out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert f"AP50       {metrics['AP50']:.4f}" in said
    rows = json.loads((tmp_path / "results.json").read_text())
    assert len(rows) == 6 * 6  # one a query and image
    assert {row["category_id"] for row in rows} <= {2, 5, 90}

    dataset = ["--dataroot", str(coco), "--version", "2017", "--split", "val2017"]
    evaluate = ["evaluate", str(tmp_path / "results.json"), *dataset]
    assert main([*evaluate, "--out", str(tmp_path / "again.json")]) == 0
    assert json.loads((tmp_path / "again.json").read_text()) == metrics
    assert capsys.readouterr().out.startswith("AP ")
    pytest.importorskip("faster_coco_eval")
    fast = [*evaluate, "--backend", "faster-coco-eval", "--out", str(tmp_path / "fast.json")]
    assert main(fast) == 0
    again = json.loads((tmp_path / "fast.json").read_text())
    assert again.pop("class_AP") == pytest.approx(metrics.pop("class_AP"), abs=1e-12)
    assert again == pytest.approx(metrics, abs=1e-12)


def test_resumed_run_ends_in_the_same_weights(coco, checkpoint, tmp_path):
    assert train(coco, tmp_path, "--resume", str(checkpoint.parent / "iter_2.pth")) == 0
    whole, resumed = (
        read_checkpoint(path)["model"] for path in (checkpoint, tmp_path / "last.pth")
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_batches_of_one_of_which_one_has_no_boxes(coco, tmp_path):
    assert train(coco, tmp_path, "--cfg-options", "train_data.batch_size=1") == 0


@pytest.mark.slow
def test_it_learns(checkpoint, coco, tmp_path):
    """With its augmentation, on six drawn images, in half a minute."""
    longer = ["schedule.iterations=450", "schedule.warmup_iterations=20"]
    longer += ["optimizer.lr=3e-3", "schedule.drop_after=0.8"]
    assert train(coco, tmp_path / "run", "--cfg-options", *longer) == 0
    found = {}
    for path, out in ((checkpoint, "before"), (tmp_path / "run/last.pth", "after")):
        assert run_test(path, coco, tmp_path / out) == 0
        found[out] = json.loads((tmp_path / out / "metrics.json").read_text())["AP50"]
    assert found["before"] < 0.05
    assert found["after"] > 0.2


def test_the_first_images_only(checkpoint, coco, tmp_path):
    config = ["--cfg-options", "test_data.first=2"]
    dataset = ["--dataroot", str(coco), "--version", "2017", "--split", "val2017"]
    command = ["test", TINY, str(checkpoint), *dataset, "--work-dir", str(tmp_path), *config]
    assert main([*command, "--device", "cpu"]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    assert {row["image_id"] for row in rows} == {3, 7}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["class_AP"]) == {"block", "bar", "spot"}

    out = tmp_path / "again.json"
    evaluate = ["evaluate", str(tmp_path / "results.json"), *dataset, "--out", str(out)]
    assert main([*evaluate, "--first", "2"]) == 0
    assert json.loads(out.read_text()) == metrics


def sentence(capsys):
    return capsys.readouterr().err.strip().splitlines()[-1]


class TestMistakes:
    def test_wrong_split(self, checkpoint, coco, tmp_path, capsys):
        assert run_test(checkpoint, coco, tmp_path, split="test2017") == 2
        assert "no split 'test2017' of version '2017'; splits found: train" in sentence(capsys)
        assert train(coco, tmp_path / "run", "--split", "train2014") == 2
        assert "no split 'train2014'" in sentence(capsys)

    def test_other_categories_than_the_models(self, checkpoint, coco_real, tmp_path, capsys):
        assert run_test(checkpoint, coco_real, tmp_path) == 2
        said = sentence(capsys)
        assert "the dataset has 80 classes and the model 3, and label 0 is person there" in said
        assert "and block here" in said
        assert train(coco_real, tmp_path / "run") == 2
        assert "label 0 is person there and block here; set the config's" in sentence(capsys)

    @pytest.mark.parametrize("text", ["{", '{"images": []}'])
    def test_annotations_that_are_none(self, checkpoint, tmp_path, capsys, text):
        own = write_small_coco(tmp_path / "own", ("val2017",))
        path = own / "annotations/instances_val2017.json"
        path.write_text(text)
        assert run_test(checkpoint, own, tmp_path / "out") == 2
        assert str(path) in sentence(capsys)
        names = ["--dataroot", str(own), "--version", "2017", "--split", "val2017"]
        assert main(["evaluate", str(tmp_path / "r.json"), *names]) == 2
        assert str(path) in sentence(capsys)

    def test_a_missing_image(self, checkpoint, tmp_path, capsys):
        own = write_small_coco(tmp_path / "own")
        for split in ("train2017", "val2017"):
            (own / split / "000000000003.jpg").unlink()
        assert run_test(checkpoint, own, tmp_path / "out") == 2
        assert "1 of 6 images are missing or empty: val2017/000000000003.jpg" in sentence(capsys)
        assert train(own, tmp_path / "run") == 2
        assert "1 of 6 images are missing or empty: train2017/000000000003.jpg" in sentence(capsys)

    def test_a_dataset_of_the_other_kind(self, checkpoint, nuscenes_real, tmp_path, capsys):
        assert (
            run_test(checkpoint, nuscenes_real, tmp_path, split="mini_val", version="v1.0-mini")
            == 2
        )
        assert "splits found: none (annotations/instances_SPLIT.json" in sentence(capsys)

    def test_arguments_of_the_other_kind(self, coco, tmp_path, capsys):
        names = ["--version", "2017", "--split", "val2017"]
        evaluate = ["evaluate", str(tmp_path / "r.json"), *names, "--dataroot"]
        assert main([*evaluate, str(tmp_path), "--backend", "pycocotools"]) == 2
        assert "--backend and --first are for COCO, but" in sentence(capsys)
        assert main([*evaluate, str(tmp_path), "--first", "3"]) == 2
        assert "are for COCO, but" in sentence(capsys)
        assert main([*evaluate, str(coco), "--first", "0"]) == 2
        assert "--first 0: expected a number of images" in sentence(capsys)
        assert main([*evaluate, str(coco), "--verbose"]) == 2
        assert "--verbose is for nuScenes" in sentence(capsys)
        assert main([*evaluate, str(coco)]) == 2
        assert "do not exist" in sentence(capsys)


class TestVerify:
    def test_a_sound_folder(self, coco, capsys):
        assert main(["verify", str(coco), "--version", "2017"]) == 0
        said = capsys.readouterr().out
        assert "note train2017: 6 images, 7 boxes of 3 categories" in said
        assert "no errors, 0 warnings" in said

    def test_everything_that_is_wrong_in_one_pass(self, tmp_path, capsys):
        own = write_small_coco(tmp_path / "own")
        (own / "train2017/000000000003.jpg").unlink()
        cut = own / "train2017/000000000040.jpg"
        cut.write_bytes(cut.read_bytes()[:-200])
        (own / "annotations/instances_val2017.json").write_text("[]")
        assert main(["verify", str(own), "--version", "2017"]) == 2
        said = capsys.readouterr()
        assert said.out.count("error [image]") == 2
        assert "error [annotations]" in said.out
        assert "3 errors and 0 warnings" in said.err

    def test_no_such_version(self, coco, capsys):
        assert main(["verify", str(coco), "--version", "2014"]) == 2
        assert "has no annotations/instances_SPLIT2014.json" in sentence(capsys)


def test_an_index_is_not_needed(coco, capsys):
    assert main(["index", str(coco), "--version", "2017"]) == 2
    assert "a COCO dataset, which needs no index" in sentence(capsys)
