"""Opening the index against the devkit's `NuScenes()`, on a table set a tenth of trainval's size.

Each measurement is a process of its own, the two kinds in turn. Memory is what opening adds to the
resident set; for the index, also after every sample has been read once. Run from the repository's
root with `python -m benchmarks.index`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "v1.0-mini"

_MEASURE = """
import json, resource, sys, time
def resident_mb():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 2**20
kind, root = sys.argv[1:]
if kind == "devkit":
    from nuscenes.nuscenes import NuScenes
    make = lambda: NuScenes("v1.0-mini", root, verbose=False)
else:
    from drivetr.data.nuscenes.index import open_index
    make = lambda: open_index(root, "v1.0-mini")
before, start = resident_mb(), time.perf_counter()
opened = make()
seconds, memory = time.perf_counter() - start, resident_mb() - before
start = time.perf_counter()
if kind == "index":
    for row in range(len(opened)):
        opened.sample(row)
walk = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
print(json.dumps({"seconds": seconds, "memory_mb": memory, "walk_seconds": walk,
                  "after_walk_mb": resident_mb() - before, "peak_mb": peak}))
"""


def measure(kind: str, root: Path) -> dict[str, float]:
    """One process that opens `root` as "index" or "devkit"."""
    command = [sys.executable, "-c", _MEASURE, kind, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def write_table_set(root: Path) -> dict[str, int]:
    """Writes the tables in a process of their own and returns their numbers of rows."""
    code = (
        "import json, sys; from pathlib import Path;"
        "from tests.data.nuscenes.table_factory import *;"
        "tables = make_tables(TENTH_OF_TRAINVAL, shuffle=False);"
        "write_tables(Path(sys.argv[1]), tables);"
        "print(json.dumps({k: len(v) for k, v in tables.items()}))"
    )
    command = [sys.executable, "-c", code, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows: dict[str, int] = json.loads(done.stdout)
    return rows


def main() -> None:
    """Prints build time, and medians and ratios of opening time and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="how often both are opened in turn")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        os.environ["DRIVETR_CACHE"] = str(Path(folder) / "cache")
        os.environ["PYTHONPATH"] = os.getcwd()
        print("rows:", {k: v for k, v in write_table_set(root).items() if v > 1000})
        tables = sum(path.stat().st_size for path in (root / VERSION).glob("*.json"))
        build = measure("index", root)
        files = (Path(folder) / "cache").rglob("*.npy")
        size = sum(path.stat().st_size for path in files)
        print(f"tables {tables / 2**20:.0f} MB, index {size / 2**20:.0f} MB on disk")
        print(f"build: {build['seconds']:.1f} s, peak +{build['peak_mb']:.0f} MB")
        runs = {"index": [], "devkit": []}  # type: dict[str, list[dict[str, float]]]
        for _ in range(pairs):
            for kind, found in runs.items():
                found.append(measure(kind, root))
    report(runs)


def report(runs: dict[str, list[dict[str, float]]]) -> None:
    """Prints medians and the median of the paired ratios."""
    for field, unit in (("seconds", "s"), ("memory_mb", "MB")):
        middle = {k: statistics.median(run[field] for run in v) for k, v in runs.items()}
        pairs = zip(runs["devkit"], runs["index"], strict=True)
        ratio = statistics.median(d[field] / max(i[field], 1e-6) for d, i in pairs)
        print(
            f"open, {field}: index {middle['index']:.4f} {unit}, devkit {middle['devkit']:.2f}"
            f" {unit}, devkit/index {ratio:.0f}x"
        )
    walk = statistics.median(run["walk_seconds"] for run in runs["index"])
    after = statistics.median(run["after_walk_mb"] for run in runs["index"])
    print(f"reading every sample of the index once: {walk:.2f} s, then +{after:.0f} MB resident")


if __name__ == "__main__":
    main()
