"""The files of a config; what each fault is told as stands in tests/reliability/test_configs.py."""

from pathlib import Path

import pytest

from drivetr.engine.config_files import check_files
from drivetr.errors import DrivetrError

CONFIGS = Path(__file__).parents[2] / "configs"
BASE = "with read_base():\n    from {} import *\n"


def test_configs_of_drivetr_pass_as_do_bases_in_other_folders():
    check_files(CONFIGS / "petr/petr_open_vocabulary_synth.py")
    check_files(CONFIGS / "vit/vit_digits.py")


def test_two_ways_to_one_base_are_no_circle(tmp_path):
    for name, bases in {"a": ".b .c", "b": ".d", "c": ".d", "d": ""}.items():
        text = "".join(BASE.format(base) for base in bases.split())
        (tmp_path / f"{name}.py").write_text(text)
    check_files(tmp_path / "a.py")


def test_a_link_does_not_hide_a_circle(tmp_path):
    (tmp_path / "a.py").write_text(BASE.format(".b"))
    (tmp_path / "b.py").symlink_to("a.py")
    with pytest.raises(DrivetrError, match=r"a.py, line 2: builds on itself \(a.py -> a.py\)"):
        check_files(tmp_path / "a.py")


def test_a_fault_of_a_base_is_told_with_its_own_line(tmp_path):
    (tmp_path / "a.py").write_text(BASE.format(".b"))
    (tmp_path / "b.py").write_text("\n\nx = = 1\n")
    with pytest.raises(DrivetrError, match=r"config .*/b.py, line 3: invalid syntax"):
        check_files(tmp_path / "a.py")
