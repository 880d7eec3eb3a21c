"""Reading configs, and what is said about wrong ones."""

import sys
from pathlib import Path

import pytest

from drivetr.engine.config import load_config, parse_options, with_dataset
from drivetr.errors import DrivetrError
from tests.engine.tiny import TinyBackbone, TinyDetector

TINY = Path(__file__).with_name("tiny_config.py")


@pytest.fixture
def edited(tmp_path):
    """Writes the tiny config with a text replaced or added, and returns its path."""

    def edit(old: str = "", new: str = "", tail: str = "") -> Path:
        path = tmp_path / "edited.py"
        text = TINY.read_text()
        path.write_text((text.replace(old, new) if old else text) + tail)
        return path

    return edit


class TestLoad:
    def test_types_are_classes(self):
        config = load_config(TINY)
        assert config.model == {"type": TinyDetector, "backbone": {"type": TinyBackbone}}
        assert config.log_interval == 3
        assert config.clip_norm == 35.0

    def test_helper_that_is_used(self, edited):
        path = edited("lr=1e-2", "lr=rate", tail="")
        path.write_text("rate = 0.5\n" + path.read_text())
        assert load_config(path).optimizer["lr"] == 0.5

    def test_inherits(self, edited, tmp_path):
        edited()
        child = tmp_path / "child.py"
        child.write_text(
            "from mmengine.config import read_base\n\n"
            "with read_base():\n    from .edited import *\n\n"
            "optimizer.update(lr=7.0)\nseed = 3\n"
        )
        config = load_config(child)
        assert config.optimizer["lr"] == 7.0
        assert config.optimizer["module_lr"] == {"backbone": 0.1}
        assert config.seed == 3

    @pytest.mark.parametrize(
        ("old", "new", "tail", "said"),
        [
            (
                "",
                "",
                "\nclip_nrom = 3\n",
                r"edited.py, line \d+: nothing reads 'clip_nrom', did you",
            ),
            ("model = dict", "modell = dict", "", "nothing reads 'modell', did you mean 'model'"),
            ("schedule = dict", "_ = dict", "", "nothing reads '_'"),
            ("import AdamW", "import AdamX as AdamW", "", "edited.py: .*AdamX"),
            ("tests.engine.tiny ", "tests.nowhere ", "", "edited.py: .*tests.nowhere"),
            ("", "", "\nmodel = dict(\n", "edited.py"),
        ],
    )
    def test_mistakes(self, edited, old, new, tail, said):
        with pytest.raises(DrivetrError, match=said):
            load_config(edited(old, new, tail))

    def test_missing_part(self, edited):
        path = edited()
        path.write_text(path.read_text().replace("criterion = dict(type=TinyCriterion)\n", ""))
        with pytest.raises(DrivetrError, match="'criterion' is missing"):
            load_config(path)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(DrivetrError, match="does not exist"):
            load_config(tmp_path / "none.py")

    def test_not_python(self, tmp_path):
        (tmp_path / "c.yaml").touch()
        with pytest.raises(DrivetrError, match="not a Python file"):
            load_config(tmp_path / "c.yaml")


class TestOptions:
    def test_literals_and_strings(self):
        options = parse_options(["a=1e-3", "b.c=(1, 2)", "d=None", "e=some/path=x", "f=", "g=True"])
        assert options == {
            "a": 1e-3,
            "b.c": (1, 2),
            "d": None,
            "e": "some/path=x",
            "f": "",
            "g": True,
        }

    def test_nothing_is_executed(self):
        text = "__import__('os').system('true')"
        assert parse_options([f"a={text}"]) == {"a": text}

    @pytest.mark.parametrize("text", ["(" * 300, "-" * 50_000 + "1"])
    def test_nesting_that_python_does_not_parse_is_a_string(self, text):
        assert parse_options([f"a={text}"]) == {"a": text}

    @pytest.mark.parametrize("pair", ["a", "=1", ""])
    def test_no_pair(self, pair):
        with pytest.raises(DrivetrError, match="not of the form key=value"):
            parse_options([pair])

    def test_nested_values_and_list_items(self):
        options = {
            "model.backbone.channels": 9,
            "seed": 4,
            "train_data.transforms": [{"a": 1}, {"a": 2}],
            "train_data.transforms.1.a": 5,
        }
        config = load_config(TINY, options)
        assert config.model["backbone"] == {"type": TinyBackbone, "channels": 9}
        assert config.seed == 4
        assert config.train_data["transforms"] == [{"a": 1}, {"a": 5}]
        assert "channels" not in load_config(TINY).model["backbone"]

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ("modle.backbone.channels", "no 'modle' there, did you mean 'model'"),
            ("model.backbon.channels", "no 'backbon' there, did you mean 'backbone'"),
            ("model.type", "chosen in the config file only"),
            ("sed", "unknown key 'sed', did you mean 'seed'"),
            ("log_interval.x", "no dict there"),
        ],
    )
    def test_mistakes(self, key, said):
        with pytest.raises(DrivetrError, match=said):
            load_config(TINY, {key: 1})


def test_dataset_of_the_command_line():
    config = with_dataset(load_config(TINY), "root", None, train_split="mini_train")
    assert config.train_data["dataroot"] == config.test_data["dataroot"] == "root"
    assert (config.train_data["split"], config.test_data["split"]) == ("mini_train", "val")
    assert config.train_data["version"] == "v"


def test_a_base_by_the_name_of_a_package_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pkg_resources", None)  # as with setuptools 82
    file = tmp_path / "c.py"
    file.write_text(
        "from mmengine.config import read_base\nwith read_base():\n    from configs.x import *\n"
    )
    with pytest.raises(DrivetrError, match="takes relative imports"):
        load_config(file)
