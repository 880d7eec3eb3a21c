"""Makes the pictures of the README out of `make demo`: `python -m tools.make_pictures`.

Run from the repository's root, with a Chromium on the PATH or in CHROME_BIN. The film's frame, the
page and the report are those that `drivetr replay` and `drivetr analyze` write.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from drivetr.cli.main import main as drivetr
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from tests.browser import running_browser

DOCS = Path(__file__).parents[1] / "docs"
QUALITY = 82  # of JPEG; a page has about 150 kB
SIZE = {"width": 1440, "height": 900}


def run(*words: object) -> None:
    """One drivetr command.

    Raises:
        DrivetrError: it failed, and has said why.
    """
    if drivetr([str(word) for word in words]):
        raise DrivetrError(f"drivetr {words[0]} failed, so that no picture was made")


def film_frame(dataset: list[str], results: Path, scene: str, work: Path) -> None:
    """The second frame of a scene as the film shows it."""
    words = (*dataset, "--scene", scene, "--from", "0.4", "--to", "0.6", "--range", "24")
    run("replay", *words, "--results", results, "--png", work)
    (picture,) = work.glob("*.png")
    save(Image.open(picture), "demo.jpg")


def save(picture: Image.Image, name: str) -> None:
    """A picture of the documentation."""
    with atomic_path(DOCS / name) as path:
        picture.convert("RGB").save(path, "JPEG", quality=QUALITY, optimize=True)


def shoot(browser: Any, page: Path, link: str, name: str) -> None:
    """A page as it opens under a link."""
    tab = browser.new_page(viewport=SIZE, color_scheme="dark")
    tab.goto(page.as_uri() + link)
    tab.wait_for_timeout(2000)  # pictures are decoded
    with atomic_path(DOCS / name) as path:
        tab.screenshot(path=path, type="jpeg", quality=QUALITY)
    tab.close()


def main() -> None:
    """Makes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("work_dirs/demo"), help="of `make demo`")
    parser.add_argument("--scene", default="synth-0741", help="of synth_val (default: %(default)s)")
    args = parser.parse_args()
    results = args.demo / "results.json"
    names = ["--version", "v1.0-synth", "--split", "synth_val"]
    dataset = [str(args.demo / "data"), *names]
    with TemporaryDirectory() as folder, running_browser() as browser:
        work = Path(folder)
        page, report = work / "replay.html", work / "report.html"
        film_frame(dataset, results, args.scene, work)
        run("replay", *dataset, "--scene", args.scene, "--results", results, "--html", page)
        run("analyze", results, "--dataroot", *dataset, "--html", report, "--replay", page.name)
        shoot(browser, page, "#frame=2&by=outcome", "replay.jpg")
        shoot(browser, report, "#worst", "analysis.jpg")


if __name__ == "__main__":
    main()
