"""The `drivetr` command: finds the subcommand, parses, calls, and turns errors into a status."""

import argparse
import importlib
import io
import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TextIO, cast

from drivetr import __version__
from drivetr.cli.terminal import PlainFormatter, PlainStream, printable
from drivetr.errors import DrivetrError

# One module of this package each, with HELP, EXAMPLE, add_arguments(parser) and run(args), which
# returns None or, where its help says so, an exit status.
COMMANDS = (
    *("synth", "verify", "index", "train", "test", "evaluate", "replay", "convert"),
    *("layers", "attention", "zeroshot", "search", "names", "tour", "track", "doctor", "analyze"),
    "robustness",
)
STATUS_USER_ERROR = DrivetrError.status
STATUS_INTERRUPTED = 130  # 128 + SIGINT, what shells report


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; importing a subcommand's module stays cheap."""
    parser = argparse.ArgumentParser(
        prog="drivetr",
        description="Multi-camera 3D perception on nuScenes and on your own cameras.",
        epilog="`drivetr COMMAND --help` explains a command with an example.",
    )
    parser.add_argument("--version", action="version", version=f"drivetr {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"drivetr.cli.{name}")
        sub = subparsers.add_parser(
            name,
            help=module.HELP.splitlines()[0],
            description=f"{module.HELP}\n\nExample:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0 on success or what the command's help says, 2 after one sentence on a user's mistake, 75
        after a signal that a training obeyed, 130 after Ctrl-C. Wrong arguments end in argparse's
        usage and status 2. Anything else is a bug and keeps its traceback.
    """
    _say_what_can_be_said()
    args = build_parser().parse_args(argv)
    if logging.lastResort is not None:  # what prints warnings where no logging is set up
        logging.lastResort.setFormatter(PlainFormatter())
    try:
        with redirect_stdout(cast(TextIO, PlainStream(sys.stdout))):
            status: int | None = args.run(args)
    except (DrivetrError, OSError) as error:
        sentence = _sentence(error)
        if args.debug or sentence is None:
            raise
        print(f"drivetr {args.command}: {printable(sentence)}", file=sys.stderr)
        return error.status if isinstance(error, DrivetrError) else STATUS_USER_ERROR
    except KeyboardInterrupt:
        print(f"\ndrivetr {args.command}: interrupted", file=sys.stderr)
        return STATUS_INTERRUPTED
    return status or 0


def _say_what_can_be_said() -> None:
    """Lets a terminal whose character set lacks a character show its number, where Python stops."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _sentence(error: DrivetrError | OSError) -> str | None:
    """What to tell the user; None where the error is not about something that they named."""
    if isinstance(error, DrivetrError):
        return str(error)
    return None if error.filename is None else f"{error.filename}: {error.strerror}"


if __name__ == "__main__":
    sys.exit(main())
