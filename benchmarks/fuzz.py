"""Gives drivetr files with random damage, and looks whether each is used or refused in a sentence.

    python -m benchmarks.fuzz --seed 0 --count 20000 [--only KIND ...] [--keep DIR] [--out FILE]

Every input follows from the seed, its kind and its number. It may be used to the end or raise a
`DrivetrError`. Anything else is a finding: another exception, a process that dies, more than 20 s,
more than 1 GiB, or a marker file that code in the input would write. Findings are kept in a folder
and end the command with status 1.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fuzz_run import Tally, fuzz, progress, timed, told
from benchmarks.fuzz_targets import targets

# Where writing down a file for sure costs nothing.
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def run(seed: int, count: int, kinds: list[str], keep: Path | None) -> dict[str, Tally]:
    """Tries `count` inputs, shared out equally over the kinds."""
    tallies = {}
    for number, kind in enumerate(kinds):
        share = count // len(kinds) + (number < count % len(kinds))
        with TemporaryDirectory(prefix="fuzz-", dir=_MEMORY) as name:
            folder = Path(name)
            tallies[kind] = fuzz(targets(folder)[kind], seed, share, folder, keep)
        progress(told({kind: tallies[kind]}))
    return tallies


def main() -> int:
    """Parses the command line, runs, prints the table.

    Returns:
        the exit status: 1 where there were findings.
    """
    known = [*targets(Path("nowhere"))]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20_000, help="inputs of all kinds together")
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="KIND")
    parser.add_argument("--keep", type=Path, default=Path("work_dirs/fuzz"), help="for findings")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    args = parser.parse_args()
    tallies, seconds = timed(lambda: run(args.seed, args.count, args.only, args.keep))
    print(f"{told(tallies)}\nin {seconds:.0f} s")
    if args.out:
        figures = {kind: tally.to_data() for kind, tally in tallies.items()}
        args.out.write_text(json.dumps({"seed": args.seed, "kinds": figures}, indent=1) + "\n")
    return int(any(tally.findings for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
