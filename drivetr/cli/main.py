"""The `drivetr` command: finds the subcommand, parses, calls, and turns errors into a status."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from drivetr import __version__
from drivetr.errors import DrivetrError

# One module of this package each, with HELP, EXAMPLE, add_arguments(parser) and run(args).
COMMANDS = ("synth", "verify", "index", "train", "test", "evaluate", "replay")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; importing a subcommand's module stays cheap."""
    parser = argparse.ArgumentParser(
        prog="drivetr", description="Multi-camera 3D perception on nuScenes and on your own cameras."
    )
    parser.add_argument("--version", action="version", version=f"drivetr {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"drivetr.cli.{name}")
        sub = subparsers.add_parser(
            name,
            help=module.HELP,
            description=f"{module.HELP}\n\nExample:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; 0 on success, 2 with one sentence on a user's mistake."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except DrivetrError as error:
        if args.debug:
            raise
        print(f"drivetr {args.command}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
