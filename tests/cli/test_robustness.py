"""`drivetr robustness`: what it writes, how it goes on, and what it refuses."""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drivetr.cli.main import main
from tests.cli.replay_world import CONFIG, CONFIGS, VERSION, random_checkpoint

SHAPES = CONFIGS / "detr/detr_shapes.py"
SMALL = {"test_data.transforms.0.size": (48, 128), "test_data.num_workers": 0}
ASKED = ["--only", "fog", "rig_rotation:2", "camera_late", "--severities", "1", "3"]
CONDITIONS = ["camera_late_500", "clean", "fog_1", "fog_3", "rig_rotation_2"]


@dataclass(frozen=True)
class Finished:
    """A finished test."""

    checkpoint: Path
    dataset: list[str]
    out: Path
    said: str

    @property
    def found(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads((self.out / "robustness.json").read_text())
        return found

    def again(self, *options: str, **changes: str) -> int:
        """The same command with some arguments changed or added."""
        arguments = {"checkpoint": str(self.checkpoint), "out": str(self.out)} | changes
        dataset = list(self.dataset)
        if "split" in changes:
            dataset[-1] = changes["split"]
        out = ["--out", arguments["out"]]
        return main(["robustness", arguments["checkpoint"], *dataset, *out, *ASKED, *options])


@pytest.fixture(scope="module")
def tested(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A detector with random weights on four frames without sweeps."""
    folder = tmp_path_factory.mktemp("robustness")
    checkpoint = random_checkpoint(CONFIG, folder / "run", SMALL)
    dataset = ["--dataroot", str(drive), "--version", VERSION, "--split", "synth_val"]
    said = StringIO()
    with redirect_stdout(said):
        test = Finished(checkpoint, dataset, folder / "out", "")
        assert test.again("--device", "cpu") == 0
    return Finished(checkpoint, dataset, folder / "out", said.getvalue())


@pytest.fixture
def finished(tested: Finished, tmp_path: Path) -> Finished:
    """The same test in a folder of its own, to be damaged."""
    shutil.copytree(tested.out, tmp_path / "out")
    return Finished(tested.checkpoint, tested.dataset, tmp_path / "out", tested.said)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a mistake."""
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
    return error


def test_what_is_written(tested):
    found = tested.found
    assert {name: list(rows) for name, rows in found["corruptions"].items()} == {
        "fog": ["1", "3"],
        "rig_rotation": ["2"],
        "camera_late": ["500"],
    }
    assert sorted(file.stem for file in (tested.out / "conditions").iterdir()) == CONDITIONS
    assert found["about"]["frames"] == "4"
    for name in found["corruptions"]:
        with Image.open(tested.out / "sheets" / f"{name}.png") as sheet:
            assert len(sheet.convert("RGB").getcolors(2**24)) > 100


def test_delays_without_images_are_left_out_aloud(tested):
    left_out = tested.found["left_out"]
    assert list(left_out) == [f"camera_late_{ms}" for ms in (100, 200, 300, 400)]
    assert "no camera has an image 100 ms before a keyframe" in tested.said
    assert "drivetr synth --sweeps" in tested.said


def test_the_same_as_drivetr_test_finds(tested, tmp_path):
    command = ["test", str(tested.checkpoint), *tested.dataset, "--work-dir", str(tmp_path)]
    assert main([*command, "--corrupt", "fog:3", "--device", "cpu"]) == 0
    metrics = json.loads((tmp_path / "metrics_fog_3.json").read_text())
    row = tested.found["corruptions"]["fog"]["3"]
    assert row["NDS"] == metrics["nd_score"]
    assert row["mATE"] == metrics["tp_errors"]["trans_err"]


@pytest.mark.slow
def test_killed_and_called_again(tested, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "drivetr.cli.main", "robustness", str(tested.checkpoint)]
    command += [*tested.dataset, "--out", str(out), *ASKED, "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        while not (out / "conditions/clean.json").exists() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not (out / "robustness.json").exists()
    before = {file: file.stat().st_mtime_ns for file in (out / "conditions").glob("[!.]*.json")}
    assert tested.again(out=str(out)) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert json.loads((out / "robustness.json").read_text()) == tested.found


def test_what_is_finished_is_not_measured_again(finished, capsys):
    kept = finished.out / "conditions/fog_1.json"
    content = json.loads(kept.read_text())
    content["metrics"]["nd_score"] = 0.75
    kept.write_text(json.dumps(content))
    assert finished.again() == 0
    assert finished.found["corruptions"]["fog"]["1"]["NDS"] == 0.75
    assert capsys.readouterr().out.count("measured before") == len(CONDITIONS)


def test_mce_against_a_baseline(finished, capsys):
    baseline = finished.out.parent / "baseline.json"
    content = finished.found
    content["corruptions"]["fog"]["1"]["NDS"] = 0.5
    content["corruptions"]["fog"]["3"]["NDS"] = 0.3
    baseline.write_text(json.dumps(content))
    assert "no mCE without a baseline" in finished.said
    assert finished.again("--baseline", str(baseline)) == 0
    fog = finished.found["corruptions"]["fog"]
    expected = 100 * (2 - fog["1"]["NDS"] - fog["3"]["NDS"]) / (2 - 0.5 - 0.3)
    assert finished.found["mCE"] == pytest.approx(expected)
    assert finished.found["CE"] == pytest.approx({"fog": expected})
    assert f"mCE {expected:.2f} over 1 of 8" in capsys.readouterr().out


def test_a_baseline_has_to_fit(finished, tmp_path, capsys):
    assert finished.again("--baseline", str(tmp_path / "none.json")) == 2
    assert f"--baseline {tmp_path}/none.json does not exist" in told(capsys)
    baseline = tmp_path / "baseline.json"
    for text in ("{}", "[1]", '{"test"', "\xff"):
        baseline.write_text(text)
        assert finished.again("--baseline", str(baseline)) == 2
        assert "is no robustness.json of drivetr robustness" in told(capsys)
    content = finished.found
    content["test"]["frames"] = "others"
    baseline.write_text(json.dumps(content))
    assert finished.again("--baseline", str(baseline)) == 2
    assert "was measured on other frames" in told(capsys)


def test_a_folder_is_of_one_checkpoint_and_split(finished, tmp_path, capsys):
    before = finished.found
    other = random_checkpoint(CONFIG, tmp_path / "a", SMALL, seed=1)
    assert finished.again(checkpoint=str(other)) == 2
    assert "was measured with other weights than this test has" in told(capsys)
    raised = random_checkpoint(CONFIG, tmp_path / "b", SMALL | {"model.queries.height": 0.9})
    assert finished.again(checkpoint=str(raised)) == 2
    assert "was measured with other parts" in told(capsys)
    resized = random_checkpoint(
        CONFIG, tmp_path / "c", SMALL | {"test_data.transforms.0.size": (32, 96)}
    )
    assert finished.again(checkpoint=str(resized)) == 2
    assert "was measured with other transforms" in told(capsys)
    assert finished.again(split="synth_train") == 2
    assert "was measured with other frames" in told(capsys)
    assert finished.found == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"test": 1, "metrics": {}}'])
def test_a_damaged_condition(finished, text, capsys):
    kept = finished.out / "conditions/fog_3.json"
    kept.write_text(text)
    assert finished.again() == 2
    assert f"{kept}: is damaged; remove it to measure it again" in told(capsys)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "fogg"], "there is no corruption 'fogg', did you mean 'fog'?"),
        (["--only", "fog:4"], "fog:4: expected a severity behind fog:, one of 1, 2, 3"),
        (["--only", "fog:2", "--severities", "1"], "--only fog:2 names all of them; leave"),
        (["--severities", "4"], "--severities [4]: expected some of 1, 2 and 3"),
    ],
)
def test_mistakes_on_the_command_line(tested, tmp_path, options, said, capsys):
    assert tested.again(*options, out=str(tmp_path / "out")) == 2
    assert said in told(capsys)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_tested(tested, tmp_path, capsys):
    new = str(tmp_path / "out")
    assert tested.again(checkpoint=str(tmp_path / "none.pth"), out=new) == 2
    assert "none.pth does not exist" in told(capsys)
    assert tested.again(split="synth_vall", out=new) == 2
    assert "synth_vall" in told(capsys)
    shapes = random_checkpoint(SHAPES, tmp_path / "shapes")
    assert tested.again(checkpoint=str(shapes), out=new) == 2
    assert "is no detector in camera frames of nuScenes" in told(capsys)
    (tmp_path / "file").write_text("")
    assert tested.again(out=str(tmp_path / "file")) == 2
    assert f"{tmp_path}/file" in told(capsys)
    assert not Path(new).exists()


def test_without_truth_nothing_can_be_judged(tested, broken_drive, tmp_path, capsys):
    for name in ("sample_annotation", "instance"):
        (broken_drive / VERSION / f"{name}.json").write_text("[]")
    assert main(["index", str(broken_drive), "--version", VERSION]) == 0
    capsys.readouterr()  # the bar of its progress
    command = ["robustness", str(tested.checkpoint), "--dataroot", str(broken_drive)]
    command += ["--version", VERSION, "--split", "synth_val", "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "has no ground truth to be judged by" in told(capsys)


def test_the_page(tested, visitor):
    page = visitor.visit(tested.out / "robustness.html")
    assert page.title() == "Bad weather and broken rigs"
    headings = page.locator("h2").all_inner_texts()
    assert headings == ["Summary", "Corruptions", "Faults of the rig", "What it looks like"]
    assert page.locator(".charts svg").count() == 2
    fog = page.locator("#corruptions td").all_inner_texts()
    rows = tested.found["corruptions"]["fog"]
    assert fog[:4] == ["Fog", f"{rows['1']['NDS']:.4f}", "–", f"{rows['3']['NDS']:.4f}"]
    pictures = page.locator(".gallery img")
    assert pictures.count() == 3
    links = page.locator(".gallery figcaption a").evaluate_all("all => all.map(link => link.href)")
    assert links == [
        (tested.out / "sheets" / f"{name}.png").as_uri() for name in tested.found["corruptions"]
    ]
    widths = pictures.evaluate_all("all => all.map(image => image.naturalWidth)")
    assert min(widths) > 0
    assert visitor.complaints == []
    assert visitor.requests == [page.url]
