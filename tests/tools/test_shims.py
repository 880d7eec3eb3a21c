"""The scripts in tools/ are thin: what they hand to `drivetr` is all there is to test."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestTranslate:
    def test_passes_on_what_drivetr_knows(self):
        argv = "config.py --work-dir w --amp --resume auto --cfg-options a=1 b=2 --launcher pytorch"
        assert load("mmdet3d_flags").translate(argv.split()) == argv.split()

    @pytest.mark.parametrize("flag", ["--local_rank=1", "--local-rank=1"])
    def test_local_rank_becomes_the_variable(self, flag, monkeypatch):
        monkeypatch.setenv("LOCAL_RANK", "")
        monkeypatch.delenv("LOCAL_RANK")
        assert load("mmdet3d_flags").translate(["c.py", flag]) == ["c.py"]
        assert load("mmdet3d_flags").os.environ["LOCAL_RANK"] == "1"

    def test_a_launcher_s_own_rank_wins(self, monkeypatch):
        monkeypatch.setenv("LOCAL_RANK", "3")
        load("mmdet3d_flags").translate(["c.py", "--local_rank=1"])
        assert load("mmdet3d_flags").os.environ["LOCAL_RANK"] == "3"

    def test_auto_scaling_is_always_on(self):
        assert load("mmdet3d_flags").translate(["c.py", "--auto-scale-lr"]) == ["c.py"]


class TestCreateData:
    def test_one_version(self):
        argv = ["nuscenes", "--root-path", "d", "--version", "v1.0-mini", "--out-dir", "o"]
        assert load("create_data").index_commands(argv) == [
            ["index", "d", "--version", "v1.0-mini", "--out-dir", "o"]
        ]

    def test_command_of_the_mmdetection3d_guide(self):
        line = "nuscenes --root-path ./data/nuscenes --out-dir ./o --extra-tag nuscenes"
        commands = load("create_data").index_commands(line.split())
        assert [command[3] for command in commands] == ["v1.0-trainval", "v1.0-test"]

    def test_other_datasets_are_refused(self, capsys):
        with pytest.raises(SystemExit) as exit_:
            load("create_data").index_commands(["kitti"])
        assert exit_.value.code == 2


@pytest.mark.parametrize("name", ["train", "test"])
def test_scripts_call_their_subcommand(name):
    text = (TOOLS / f"{name}.py").read_text(encoding="utf-8")
    assert f'main(["{name}", *translate(sys.argv[1:]' in text
