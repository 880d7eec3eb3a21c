"""`drivetr tour`: a page of figures from convolution to six cameras."""

import argparse

HELP = "Draw the road from convolution to six cameras, each figure computed on the spot."
EXAMPLE = "drivetr tour work_dirs/tour --only convolution attention"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from drivetr.tour.parts import NAMES

    parser.add_argument(
        "out",
        metavar="OUT",
        help="folder for index.html, the pictures and data/*.json; an earlier tour is gone over",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="PART",
        help=f"these parts, the others stay as they are (default: all); of {', '.join(NAMES)}",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random number (default 0)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a twentieth of the training: to see the page in a minute, not to learn from it",
    )
    parser.add_argument(
        "--detr", metavar="FILE", help="checkpoint of a DETR on shapes, instead of a short training"
    )
    parser.add_argument(
        "--clip", metavar="FILE", help="checkpoint of a CLIP on crops, instead of a short training"
    )
    parser.add_argument(
        "--petr", metavar="FILE", help="checkpoint of a PETR, instead of a short training"
    )
    parser.add_argument(
        "--markdown",
        metavar="FILE",
        help="also write the page as markdown, with a folder of pictures beside it",
    )


def run(args: argparse.Namespace) -> None:
    """Makes the tour."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from drivetr.errors import DrivetrError
    from drivetr.tour.part import Settings
    from drivetr.tour.parts import check_names
    from drivetr.tour.run import make_tour, write_markdown

    if args.seed < 0:
        raise DrivetrError(f"--seed is {args.seed}, expected a whole number of at least 0")
    names = check_names(args.only)
    files = {}
    for name in ("clip", "detr", "petr"):
        path = getattr(args, name)
        if path is not None and not Path(path).exists():
            raise DrivetrError(f"--{name} {path}: no such file; give a checkpoint of drivetr train")
        files[name] = None if path is None else Path(path)
    out = Path(args.out)
    with TemporaryDirectory(prefix="drivetr-tour-") as scratch:
        share = 0.05 if args.quick else 1.0
        make_tour(out, names, Settings(Path(scratch), args.seed, share, **files))
    print(f"wrote {out / 'index.html'}")
    if args.markdown:
        write_markdown(out, Path(args.markdown))
        print(f"wrote {args.markdown}")
