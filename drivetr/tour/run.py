"""Runs parts of the tour and writes the page of all parts that the folder holds."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from drivetr import __version__
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text
from drivetr.tour.html import html_page
from drivetr.tour.markdown import markdown_page
from drivetr.tour.part import Part, Settings, as_data
from drivetr.tour.parts import NAMES, load_part
from drivetr.tour.record import Record, read_record, record_path, write_record
from drivetr.tour.section import Section
from drivetr.tour.style import LIGHT, THEMES, Theme, using

MARKER = ".drivetr-tour"
FEW_COLOURS = 256  # of a small picture, a third of the bytes


def make_tour(out: Path, names: Sequence[str], settings: Settings) -> None:
    """Computes and draws the named parts, and writes `index.html` anew.

    Parts that an earlier run left in the folder stay on the page. A part that cannot be computed
    or drawn, or whose earlier data is damaged, is left out and told; the others go on.

    Raises:
        DrivetrError: the folder is somebody else's, or parts could not be computed.
    """
    claim(out)
    failed = []
    with tqdm(names, unit="part", desc="tour") as bar:
        for name in bar:
            bar.set_postfix_str(name)
            record_path(out, name).unlink(missing_ok=True)  # a failure leaves no older one
            try:
                record = compute_part(name, settings)
                draw_part(out, record)
                write_record(out, record)
            except DrivetrError as error:
                failed.append(f"{name}: {error}")
    found = []
    for name in NAMES:
        try:
            found += sections(out, [name])
        except DrivetrError as error:
            failed.append(str(error))
    with atomic_text(out / "index.html") as file:
        file.write(html_page(found))
    if failed:
        raise DrivetrError(
            f"{'; '.join(failed)}: {len(failed)} parts are left out, the others are in"
            f" {out / 'index.html'}"
        )


def claim(out: Path) -> None:
    """Makes the folder, or sees that it is an earlier tour's.

    Raises:
        DrivetrError: there are other things.
    """
    if out.exists() and not out.is_dir():
        raise DrivetrError(f"{out} is a file, expected a folder to create; name another OUT")
    if out.is_dir() and not (out / MARKER).exists() and any(out.iterdir()):
        found = min(path.name for path in out.iterdir())
        raise DrivetrError(f"{out} holds {found} and is no tour of drivetr; name another OUT")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()


def compute_part(name: str, settings: Settings) -> Record:
    """Computes one part."""
    part: Part = load_part(name)
    start = time.process_time()
    data = as_data(part.compute(settings))
    versions = {"drivetr": __version__, "torch": torch.__version__}
    seconds = round(time.process_time() - start, 1)
    return Record(name, settings.seed, settings.share, seconds, versions, data)


def draw_part(out: Path, record: Record) -> None:
    """Draws the figures of one part in both themes."""
    for theme in THEMES:
        save_figures(record, theme, out)


def save_figures(record: Record, theme: Theme, folder: Path, small: bool = False) -> None:
    """Draws and saves the figures of one part in one theme; `small` ones have fewer colours."""
    with using(theme):
        figures = load_part(record.part).draw(record.data)
        for name, figure in figures.items():
            save(figure, folder / picture_file(name, theme), small)


def save(figure: Figure, path: Path, small: bool) -> None:
    """Writes a figure as PNG; the same figure gives the same bytes."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})
        if small:
            with Image.open(temporary) as image:
                few = image.convert("RGB").quantize(FEW_COLOURS, Image.Quantize.MAXCOVERAGE)
            few.save(temporary, optimize=True)


def picture_file(name: str, theme: Theme) -> str:
    """Where a figure lies in the folder of the tour."""
    return f"{name}.png" if theme is LIGHT else f"{name}-{theme.name}.png"


def sections(out: Path, names: Sequence[str] = NAMES) -> list[Section]:
    """What the folder holds of the named parts, in their order.

    Raises:
        DrivetrError: the data of one is damaged.
    """
    found = []
    for name in names:
        record = read_record(out, name)
        if record is not None:
            part: Part = load_part(name)
            found.append(Section(record, part.title, part.tell(record.data), part.foreign))
    return found


def write_markdown(out: Path, page: Path) -> None:
    """Writes the tour of the folder `out` as a page of the documentation.

    Its pictures lie in a folder named like the page; those that show other people's data are left
    out.

    Raises:
        DrivetrError: a part was not computed, or its data is damaged.
    """
    missing = [name for name in NAMES if not record_path(out, name).exists()]
    if missing:
        raise DrivetrError(f"{out} lacks {', '.join(missing)}; run drivetr tour {out} first")
    found = sections(out)
    folder = page.with_suffix("")
    for section in found:
        if not section.foreign:
            save_figures(section.record, LIGHT, folder, small=True)
    with atomic_text(page) as file:
        file.write(markdown_page(found, folder.name))
