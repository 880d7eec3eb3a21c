"""`drivetr search` on a small world with random weights."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetr.cli.main import main
from tests.clip_world import VERSION, write_clip, write_vocabulary, write_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("search")
    write_world(out / "world")
    write_vocabulary(out / "merges.txt")
    write_clip(out / "clip")
    return out


def find(folder: Path, query: str, *options: str | Path) -> int:
    words = ["search", query, "--dataroot", folder / "world", "--version", VERSION]
    words += ["--split", "synth_val", "--clip", folder / "clip", "--device", "cpu"]
    return main([str(w) for w in [*words, "--vocab", folder / "merges.txt", *options]])


class TestSearch:
    def test_prints_and_draws(self, folder, tmp_path, capsys):
        sheet = tmp_path / "found.png"
        assert find(folder, "a car", "--count", "4", "--sheet", sheet) == 0
        lines = capsys.readouterr().out.splitlines()
        assert "best 4 of 6 images" in lines
        files = [line.split()[-1] for line in lines[1:5]]
        assert len(set(files)) == 4
        assert all((folder / "world" / file).is_file() for file in files)
        assert np.asarray(Image.open(sheet)).std() > 10

    def test_a_long_sentence_is_told(self, folder, capsys):
        assert find(folder, "a car " * 20) == 0
        assert "its end is not looked for" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("query", "options", "message"),
        [("  ", (), "sentence is empty"), ("car", ("--count", "0"), "--count is 0")],
    )
    def test_bad(self, folder, query, options, message, capsys):
        assert find(folder, query, *options) == 2
        assert message in capsys.readouterr().err

    def test_no_clip(self, folder, tmp_path, capsys):
        assert find(folder, "car", "--clip", tmp_path) == 2
        assert "config.json" in capsys.readouterr().err
