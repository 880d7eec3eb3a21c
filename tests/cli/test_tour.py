"""`drivetr tour` from its command line."""

import pytest

from drivetr.cli.main import main


def test_one_part(tmp_path, capsys):
    assert main(["tour", str(tmp_path / "out"), "--only", "convolution", "--quick"]) == 0
    assert "wrote" in capsys.readouterr().out
    assert (tmp_path / "out" / "convolution-1d.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nothing"], "no such part"),
        (["--seed", "-1"], "--seed is -1"),
        (["--detr", "/no/such/file.pth"], "--detr /no/such/file.pth: no such file"),
    ],
)
def test_a_wrong_argument_is_told(tmp_path, capsys, arguments, told):
    assert main(["tour", str(tmp_path / "out"), *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_none(tmp_path, capsys):
    (tmp_path / "last.pth").write_text("hello")
    arguments = ["--only", "detr", "--detr", str(tmp_path / "last.pth")]
    assert main(["tour", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert "1 parts are left out" in error
    assert "last.pth" in error
