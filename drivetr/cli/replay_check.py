"""What `drivetr replay` is asked for, checked before anything is read."""

import argparse
from pathlib import Path

from drivetr.errors import DrivetrError
from drivetr.files import require_writable

_RANGES = (
    ("score-threshold", "score_threshold", 0.0, 1.0),
    ("fps", "fps", 0.1, 240.0),
    ("width", "width", 320, 7680),
    ("range", "range", 1.0, 1000.0),
    ("image-width", "image_width", 64, 7680),
    ("worst", "worst", 1, 100_000),
    ("from", "start", 0.0, 1e6),
    ("to", "end", 0.0, 1e6),
    ("serve", "serve", 0, 65535),
)
_SUFFIXES = {"mp4": ".mp4", "html": ".html", "rrd": ".rrd"}


def wants_recording(args: argparse.Namespace) -> bool:
    """Whether anything but pictures is asked for."""
    return args.html is not None or args.rrd is not None or args.serve is not None


def check_arguments(args: argparse.Namespace) -> None:
    """Checks what can be checked without the dataset.

    Raises:
        DrivetrError: the first thing that is wrong.
    """
    if args.mp4 is None and args.png is None and not wants_recording(args):
        raise DrivetrError(
            "nothing to write: pass --html FILE for a page, --serve to look at it at once, --rrd"
            " FILE for Rerun, --mp4 FILE for a film or --png DIR for pictures"
        )
    for flag, name, low, high in _RANGES:
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise DrivetrError(f"--{flag} is {value:g}; expected a number from {low:g} to {high:g}")
    if args.end is not None and args.end < args.start:
        raise DrivetrError(
            f"--from {args.start:g} is later than --to {args.end:g}; both are seconds since the"
            " scene began"
        )
    if args.worst is not None and not args.results and args.checkpoint is None:
        raise DrivetrError(
            "--worst looks for the errors of predictions: pass --results FILE or --checkpoint C"
        )
    if args.attention is not None and (args.checkpoint is None or not wants_recording(args)):
        raise DrivetrError(
            "--attention asks a detector that runs meanwhile, and is shown in page and recording:"
            " pass --checkpoint C, and --html, --rrd or --serve"
        )
    _check_places(args)
    if args.rrd is not None:
        import drivetr.visual.rerun_sdk  # noqa: F401  # says what to install where it is absent


def _check_places(args: argparse.Namespace) -> None:
    """Checks that what is to be written can be."""
    if args.png is not None and Path(args.png).is_file():
        raise DrivetrError(f"--png {args.png} is a file; expected the folder for the pictures")
    for flag, suffix in _SUFFIXES.items():
        path = getattr(args, flag)
        if path is None:
            continue
        if not path.lower().endswith(suffix):
            raise DrivetrError(f"--{flag} {path}: the name of the file has to end with {suffix}")
        require_writable(path)
    if args.png is not None:
        require_writable(Path(args.png) / "frame.png")
