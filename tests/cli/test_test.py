"""`drivetr test`: from a checkpoint alone to the official metrics."""

import json
import shutil
from pathlib import Path

import pytest

from drivetr.cli.main import main
from drivetr.cli.test import default_folder
from tests.data.coco.small import write_small_coco

ROOT = Path(__file__).parents[2]
DEMO = str(ROOT / "configs/petr/petr_point_synth.py")
TINY = str(ROOT / "tests/engine/tiny_config.py")


def test_trained_on_real_keyframes_and_tested_without_its_config(nuscenes_real, tmp_path, capsys):
    run = tmp_path / "run"
    dataset = ["--dataroot", str(nuscenes_real), "--version", "v1.0-mini"]
    options = ["schedule.iterations=1", "train_data.transforms.0.size=(32, 64)"]
    options += ["test_data.transforms.0.size=(32, 64)", "train_data.num_workers=0"]
    train = ["train", DEMO, *dataset, "--split", "mini_train", "--work-dir", str(run)]
    assert main([*train, "--device", "cpu", "--cfg-options", *options]) == 0
    out = tmp_path / "out"
    test = ["test", str(run / "last.pth"), *dataset, "--split", "mini_val", "--device", "cpu"]
    assert main([*test, "--work-dir", str(out), "--out", str(out / "r.json")]) == 0
    said = capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())
    assert f"{metrics['nd_score']:.4f}" in said
    assert {"mean_ap", "nd_score", "tp_errors", "label_aps"} <= set(metrics)
    submission = json.loads((out / "r.json").read_text())
    assert submission["meta"]["use_camera"] is True
    assert len(submission["results"]) == 2

    # With the config, into the checkpoint's folder; the metrics are the same.
    with_config = ["test", DEMO, str(run / "last.pth"), *dataset, "--split", "mini_val"]
    sized = ["--cfg-options", "test_data.transforms.0.size=(32, 64)"]
    assert main([*with_config, "--device", "cpu", *sized]) == 0
    again = json.loads((run / "metrics.json").read_text())
    assert again["label_aps"] == metrics["label_aps"]
    assert (run / "results.json").is_file()

    # Results that could not be kept are not computed.
    (tmp_path / "file").touch()
    assert main([*test, "--out", str(tmp_path / "file/r.json")]) == 2
    assert f"{tmp_path / 'file/r.json'} cannot be written" in capsys.readouterr().err

    # COCO is another kind of dataset.
    coco = ["--dataroot", str(write_small_coco(tmp_path / "coco")), "--version", "2017"]
    assert main(["test", str(run / "last.pth"), *coco, "--split", "val2017"]) == 2
    assert "has no version 2017 (found: no version at all)" in capsys.readouterr().err

    # Without truth the submission is all there is; without maps nothing is detected.
    blind = tmp_path / "blind"
    shutil.copytree(nuscenes_real, blind, copy_function=shutil.copyfile)
    for name in ("sample_annotation", "instance"):
        (blind / f"v1.0-mini/{name}.json").write_text("[]")
    test = ["test", str(run / "last.pth"), "--dataroot", str(blind), "--version", "v1.0-mini"]
    test += ["--split", "mini_val", "--device", "cpu", "--work-dir", str(tmp_path / "b")]
    assert main(test) == 0
    said = capsys.readouterr().out
    assert "has no ground truth" in said
    assert len(json.loads((tmp_path / "b/results.json").read_text())["results"]) == 2
    assert not (tmp_path / "b/metrics.json").exists()
    shutil.rmtree(blind / "maps")
    assert main([*test[:-1], str(tmp_path / "c")]) == 2
    assert not (tmp_path / "c").exists()


def test_results_of_a_converted_folder_do_not_go_among_its_weights(tmp_path):
    assert default_folder(tmp_path / "weights/petr/last.pth") == tmp_path / "weights/petr"
    (tmp_path / "weights/petr").mkdir(parents=True)
    assert default_folder(tmp_path / "weights/petr") == Path("work_dirs/petr")
    assert default_folder(tmp_path / "weights/petr/../petr") == Path("work_dirs/petr")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.pth"], "none.pth does not exist"),
        ([TINY], "name the checkpoint after it"),
        (["none.pth", "--cfg-options", "a=1"], "name one before the checkpoint"),
        ([TINY, "none.pth"], "none.pth does not exist"),
    ],
)
def test_mistakes_end_in_one_sentence_and_status_2(capsys, arguments, said):
    assert main(["test", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("drivetr test: ")
    assert said in error
