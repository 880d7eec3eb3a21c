import argparse
import io
import sys
from types import ModuleType

import pytest

from drivetr import __version__
from drivetr.cli import main as main_module
from drivetr.cli.common import add_dataset_arguments
from drivetr.cli.main import main
from drivetr.errors import DrivetrError


@pytest.fixture
def command(monkeypatch):
    """Replaces all subcommands by `act`, whose run is what the test sets."""
    module = ModuleType("drivetr.cli.act")
    module.HELP, module.EXAMPLE = "Acts.", "drivetr act THING --now"
    module.add_arguments = lambda parser: parser.add_argument("thing", metavar="THING")
    module.run = lambda args: None
    monkeypatch.setitem(sys.modules, "drivetr.cli.act", module)
    monkeypatch.setattr(main_module, "COMMANDS", ("act",))
    return module


def raising(error: BaseException):
    def run(args: argparse.Namespace) -> None:
        raise error

    return run


class TestMain:
    def test_success_is_zero(self, command):
        seen = []
        command.run = lambda args: seen.append(args.thing)
        assert main(["act", "it"]) == 0
        assert seen == ["it"]

    def test_a_terminal_without_a_character_shows_its_number(self, command, monkeypatch):
        terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", terminal)
        command.run = lambda args: print("Zürich")
        assert main(["act", "it"]) == 0
        terminal.flush()
        assert terminal.buffer.getvalue() == b"Z\\xfcrich\n"

    def test_a_command_may_have_a_status_of_its_own(self, command):
        command.run = lambda args: 3
        assert main(["act", "it"]) == 3

    def test_a_user_s_mistake_is_one_sentence_and_two(self, command, capsys):
        command.run = raising(DrivetrError("no such thing"))
        assert main(["act", "it"]) == 2
        assert capsys.readouterr().err == "drivetr act: no such thing\n"

    def test_a_file_that_cannot_be_used_is_a_user_s_mistake(self, command, capsys, tmp_path):
        command.run = lambda args: open(tmp_path / "absent").close()
        assert main(["act", "it"]) == 2
        assert capsys.readouterr().err.endswith("absent: No such file or directory\n")

    @pytest.mark.parametrize("error", [OSError("no file"), KeyError("bug"), ValueError("bug")])
    def test_a_bug_keeps_its_traceback(self, command, error):
        command.run = raising(error)
        with pytest.raises(type(error)):
            main(["act", "it"])

    def test_debug_shows_the_traceback(self, command):
        command.run = raising(DrivetrError("no such thing"))
        with pytest.raises(DrivetrError):
            main(["act", "it", "--debug"])

    def test_interrupt_is_130(self, command, capsys):
        command.run = raising(KeyboardInterrupt())
        assert main(["act", "it"]) == 130
        assert "drivetr act: interrupted" in capsys.readouterr().err

    @pytest.mark.parametrize("argv", [[], ["nonsense"], ["act"], ["act", "it", "--nonsense"]])
    def test_wrong_arguments_are_two(self, command, argv, capsys):
        with pytest.raises(SystemExit) as exit_:
            main(argv)
        assert exit_.value.code == 2
        assert "usage: drivetr" in capsys.readouterr().err

    def test_help_teaches_with_an_example(self, command, capsys):
        with pytest.raises(SystemExit) as exit_:
            main(["act", "--help"])
        assert exit_.value.code == 0
        assert "Example:\n  drivetr act THING --now" in capsys.readouterr().out

    def test_version(self, command, capsys):
        with pytest.raises(SystemExit):
            main(["--version"])
        assert capsys.readouterr().out == f"drivetr {__version__}\n"


class TestRealCommands:
    @pytest.mark.parametrize("name", main_module.COMMANDS)
    def test_help_has_an_example_of_the_command(self, name, capsys):
        with pytest.raises(SystemExit) as exit_:
            main([name, "--help"])
        assert exit_.value.code == 0
        assert f"drivetr {name}" in capsys.readouterr().out.split("Example:")[1]

    def test_help_of_what_only_nuscenes_has_speaks_of_nothing_else(self, capsys):
        with pytest.raises(SystemExit):
            main(["track", "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert "nuScenes' samples/" in told
        assert "COCO" not in told


class TestAddDatasetArguments:
    def parser(self, **options) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(exit_on_error=False)
        add_dataset_arguments(parser, **options)
        return parser

    def test_positional(self):
        args = self.parser(split=None).parse_args(["data", "--version", "v1.0-mini"])
        assert (args.dataroot, args.version) == ("data", "v1.0-mini")
        assert not hasattr(args, "split")

    def test_options_may_be_left_to_the_config(self):
        args = self.parser(positional=False, split="optional").parse_args([])
        assert (args.dataroot, args.version, args.split) == (None, None, None)

    @pytest.mark.parametrize("missing", ["--dataroot", "--version", "--split"])
    def test_required_options(self, missing, capsys):
        argv = {"--dataroot": "d", "--version": "v", "--split": "s"}
        del argv[missing]
        parser = self.parser(positional=False, split="required")
        with pytest.raises((SystemExit, argparse.ArgumentError)):
            parser.parse_args([word for pair in argv.items() for word in pair])
