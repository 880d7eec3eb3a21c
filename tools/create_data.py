"""`drivetr index` under the name and the flags that users of mmdetection3d know.

python tools/create_data.py nuscenes --root-path data/nuscenes --version v1.0-mini --out-dir D
"""

import argparse
import sys
from collections.abc import Sequence

from drivetr.cli.main import main

# mmdetection3d's default version means the two that its paper results need.
VERSIONS = {"v1.0": ("v1.0-trainval", "v1.0-test")}
WITHOUT_EFFECT = ("--extra-tag", "--max-sweeps", "--workers")


def index_commands(argv: Sequence[str]) -> list[list[str]]:
    """The `drivetr index` command lines that do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("dataset", choices=["nuscenes"])
    parser.add_argument("--root-path", default="data/nuscenes", metavar="DIR", help="dataroot")
    parser.add_argument(
        "--version", default="v1.0", help="such as v1.0-mini; v1.0 is v1.0-trainval and v1.0-test"
    )
    parser.add_argument("--out-dir", metavar="DIR", help="where the index goes; default: the cache")
    for flag in WITHOUT_EFFECT:
        parser.add_argument(
            flag, help="accepted and without effect: the index needs no such choice"
        )
    args = parser.parse_args(argv)
    destination = [] if args.out_dir is None else ["--out-dir", args.out_dir]
    return [
        ["index", args.root_path, "--version", version, *destination]
        for version in VERSIONS.get(args.version, (args.version,))
    ]


if __name__ == "__main__":
    for command in index_commands(sys.argv[1:]):
        if status := main(command):
            sys.exit(status)
