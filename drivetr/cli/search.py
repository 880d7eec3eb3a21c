"""`drivetr search`: camera images of a dataset that fit a sentence."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments
from drivetr.cli.zeroshot import add_clip_arguments
from drivetr.errors import DrivetrError

if TYPE_CHECKING:
    from drivetr.data.nuscenes.index import NuScenesIndex
    from drivetr.engine.clip import LoadedClip
    from drivetr.engine.frame_search import Hit

HELP = "Search the camera images of a dataset with a sentence, by CLIP."
EXAMPLE = (
    'drivetr search "a bus at night" --clip work_dirs/clip_synth/last.pth'
    " --dataroot data/nuscenes --version v1.0-mini --split mini_val --sheet found.png"
)
_CELL_WIDTH = 420  # pixels of an image on the sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sentence, the model, the dataset's names, and what is shown."""
    parser.add_argument("query", metavar="SENTENCE", help="what is looked for, in English")
    add_dataset_arguments(parser, positional=False, coco=False)
    add_clip_arguments(parser)
    parser.add_argument(
        "--count", metavar="N", type=int, default=12, help="images to show (default: %(default)s)"
    )
    parser.add_argument("--sheet", metavar="FILE", help="also draw them with their windows (PNG)")


def run(args: argparse.Namespace) -> None:
    """Embeds the images once, ranks them, prints the best."""
    query = args.query.strip()
    if not query:
        raise DrivetrError('the sentence is empty; say what to look for, such as "a bus in fog"')
    if args.count < 1:
        raise DrivetrError(f"--count is {args.count}, expected a whole number of at least 1")
    from drivetr.data.nuscenes.index import open_index
    from drivetr.engine.clip import load_clip
    from drivetr.engine.frame_search import (
        embeddings_of,
        images_of_split,
        query_vector,
        search,
    )

    clip = load_clip(args.clip, args.vocab, args.device)
    _say_if_cut(clip, query)
    index = open_index(args.dataroot, args.version)
    images = images_of_split(index, args.split)
    windows = embeddings_of(index, args.split, images, clip)
    hits = search(images, windows, query_vector(clip, query))[: args.count]
    print(f"{'score':>6}  {'scene':14} {'camera':17} sample token                      file")
    for hit in hits:
        image = hit.image
        print(
            f"{hit.score:6.3f}  {image.scene:14} {image.camera.channel:17} {image.sample_token}"
            f"  {image.camera.filename}"
        )
    print(f"best {len(hits)} of {len(images)} images")
    if args.sheet:
        _draw(Path(args.sheet), query, hits, index)
        print(f"{args.sheet}: the images, with the windows that fit best")


def _say_if_cut(clip: "LoadedClip", query: str) -> None:
    length = len(clip.tokenizer.encode(query)) + 2
    if length > clip.tokenizer.context_length:
        print(
            f"the sentence has {length} tokens and this CLIP reads {clip.tokenizer.context_length}:"
            " its end is not looked for"
        )


def _draw(path: Path, query: str, hits: "list[Hit]", index: "NuScenesIndex") -> None:
    """The images side by side, the best first."""
    from drivetr.data.decode import decode_image_file
    from drivetr.data.paths import resolve_inside
    from drivetr.visual.palette import MUTED, TEXT
    from drivetr.visual.png import write_png
    from drivetr.visual.sheet import Cell, draw_sheet

    cells = []
    for hit in hits:
        camera = hit.image.camera
        pixels = decode_image_file(resolve_inside(index.dataroot, camera.filename))
        lines = [
            (f"{hit.score:.3f}  {hit.image.scene}", TEXT),
            (camera.channel.removeprefix("CAM_").replace("_", " "), MUTED),
        ]
        image = pixels.permute(1, 2, 0).contiguous().numpy()
        cells.append(Cell(image, lines, hit.window))
    columns = 3 if len(cells) > 4 else 2
    tallest = max(cell.image.shape[0] / cell.image.shape[1] for cell in cells)
    page = draw_sheet(f"“{query}”", cells, columns, _CELL_WIDTH, round(_CELL_WIDTH * tallest))
    write_png(path, page)
