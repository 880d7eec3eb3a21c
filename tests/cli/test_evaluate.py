import json

import pytest

from drivetr.cli import main as cli
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META

TOKENS = ("3e8750f331d7499e9b5123e9eb70f2e2", "3950bd41f74548429c0f7700ff3d8269")
DEVKIT_KEYS = {
    "label_aps", "mean_dist_aps", "mean_ap", "label_tp_errors", "tp_errors", "tp_scores",
    "nd_score", "eval_time", "cfg", "meta",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _only_this_command(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", ("evaluate",))


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.json"
    content = {"meta": CAMERA_ONLY_META, "results": {token: [] for token in TOKENS}}
    path.write_text(json.dumps(content))
    return path


def evaluate(results, dataroot, *more, split="mini_val"):
    options = ["--dataroot", dataroot, "--version", "v1.0-mini", "--split", split, *more]
    return cli.main([str(part) for part in ("evaluate", results, *options)])


def test_prints_the_table_and_saves_the_metrics(results, nuscenes_real, tmp_path, capsys):
    out = tmp_path / "new/metrics.json"
    assert evaluate(results, nuscenes_real, "--out", out) == 0
    assert set(json.loads(out.read_text())) == DEVKIT_KEYS | {"drivetr"}
    printed = capsys.readouterr()
    assert printed.out.startswith("NDS 0.0000   mAP 0.0000\n")
    assert "construction_vehicle" in printed.out


def test_users_mistakes_end_in_two_and_one_sentence(results, nuscenes_real, tmp_path, capsys):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    out = tmp_path / "metrics.json"
    for path, dataroot, split in [
        (tmp_path / "absent.json", nuscenes_real, "mini_val"),
        (broken, nuscenes_real, "mini_val"),
        (results, tmp_path, "mini_val"),
        (results, nuscenes_real, "mini_train"),
        (results, nuscenes_real, "val"),
        (results, nuscenes_real, "no_such_split"),
    ]:
        assert evaluate(path, dataroot, "--out", out, split=split) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("drivetr evaluate: ")
        assert printed.err.count("\n") == 1
        assert not out.exists()


def test_out_is_a_folder(results, nuscenes_real, tmp_path, capsys):
    assert evaluate(results, nuscenes_real, "--out", tmp_path) == 2
    assert "is a folder" in capsys.readouterr().err


def test_help_teaches_with_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["evaluate", "--help"])
    assert "drivetr evaluate results.json --dataroot" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["--dataroot", "--version", "--split"])
def test_dataset_has_to_be_named(missing, results, capsys):
    options = {"--dataroot": "d", "--version": "v", "--split": "s"}
    del options[missing]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", str(results), *(part for pair in options.items() for part in pair)])
    assert missing in capsys.readouterr().err
