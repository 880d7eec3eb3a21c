"""`drivetr test` in several processes: what one process writes, to the last byte."""

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.launch import drivetr
from drivetr.data.nuscenes.index import open_index
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset
from drivetr.engine.rounds import Rounds

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three scenes of three keyframes to test on: no whole number of batches or of rounds."""
    out = tmp_path_factory.mktemp("world")
    recipe = Recipe(nuscenes_rig(48, 96), 4, 3, 3, 5, 20.0, 2.0, False)
    assert write_dataset(recipe, out, workers=1)
    return ["--dataroot", str(out), "--version", "v1.0-synth"]


def run(arguments: list[str], processes: int, log: Path) -> list[int | None]:
    return drivetr([*arguments, "--device", "cpu"], processes, log).wait(300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "batch_size"), [("tiny_petr_config.py", 2), ("tiny_streampetr_config.py", 1)]
)
def test_the_same_digits_from_two_and_four_processes(world, tmp_path, config, batch_size):
    """StreamPETR sees each scene from its start, in whichever process that is."""
    log, trained, out = tmp_path / "log", tmp_path / "trained", tmp_path / "out"
    own = str(HERE / config)
    train = ["train", own, *world, "--split", "synth_train", "--work-dir", str(trained)]
    train += ["--cfg-options", f"train_data.streaming={'stream' in config}"]
    assert run(train, 1, log) == [0], log.read_text()
    test = ["test", own, str(trained / "last.pth"), *world, "--split", "synth_val"]
    test += ["--work-dir", str(out), "--cfg-options", f"test_data.batch_size={batch_size}"]
    found = {}
    for processes in (1, 2, 4):
        assert run(test, processes, log) == [0] * processes, log.read_text()
        metrics = (out / "metrics.json").read_text()
        metrics, clocks = re.subn('"eval_time": [0-9.e-]+', "", metrics)
        assert clocks == 1
        found[processes] = ((out / "results.json").read_bytes(), metrics)
        shutil.rmtree(out)
    assert len(json.loads(found[1][0])["results"]) == 9
    assert found[2] == found[1]
    assert found[4] == found[1]


@pytest.mark.parametrize("place", [3, 8], ids=["of the second process", "in the last round"])
def test_an_error_of_one_process_ends_all_of_them(world, tmp_path, place):
    """The image of one of nine frames is damaged; the first process says which."""
    trained, log = tmp_path / "trained", tmp_path / "log"
    own = str(HERE / "tiny_petr_config.py")
    train = ["train", own, *world, "--split", "synth_train", "--work-dir", str(trained)]
    assert run(train, 1, log) == [0], log.read_text()
    index = open_index(world[1], world[3])
    name = index.images_of(index.samples_of_split("synth_val")[[place]])[0]
    image = Path(world[1], name)
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    try:
        test = ["test", own, str(trained / "last.pth"), *world, "--split", "synth_val"]
        assert run([*test, "--work-dir", str(tmp_path / "out")], 2, log) == [2, 0]
    finally:
        image.write_bytes(whole)
    said = log.read_text()
    assert "Traceback" not in said
    (sentence,) = [line for line in said.splitlines() if line.startswith("drivetr test: ")]
    assert name in sentence


def test_one_process_gets_its_own_results_in_order():
    assert list(Rounds().results(iter([["a"], ["b", "c"]]), 2)) == ["a", "b", "c"]
