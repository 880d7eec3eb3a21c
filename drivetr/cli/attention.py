"""`drivetr attention`: a picture of where a DETR, a ViT or a multi-camera detector looks."""

import argparse
from typing import TYPE_CHECKING

from drivetr.cli.common import add_dataset_arguments

if TYPE_CHECKING:
    from drivetr.visual.text import Canvas

HELP = (
    "Draw attention: a DETR's encoder from points and decoder for detections, a ViT's in every"
    " layer and rolled out, or a 3D detector's from its surest boxes to all cameras of a sample."
)
EXAMPLE = (
    "drivetr attention work_dirs/petr/last.pth --dataroot data/nuscenes --version v1.0-mini"
    " --split mini_val --sample 0 --top 3 --out why.png"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "model",
        metavar="CHECKPOINT_OR_DIR",
        help="a checkpoint of drivetr train, or a folder that drivetr convert wrote",
    )
    parser.add_argument(
        "image",
        metavar="IMAGE",
        nargs="?",
        help="for a DETR or a ViT: a JPEG or PNG file of any size",
    )
    add_dataset_arguments(parser, positional=False, split="optional")
    parser.add_argument(
        "--sample",
        metavar="TOKEN_OR_INDEX",
        help="for a 3D detector: a sample of the split, by its token or its number (default: 0);"
        " one with a memory sees the frames before it first",
    )
    parser.add_argument(
        "--top",
        type=int,
        metavar="N",
        help="for a 3D detector: draw the N surest boxes (default: 3)",
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="for a 3D detector: of this class only, such as car",
    )
    parser.add_argument("--out", required=True, metavar="FILE.png", help="the picture")
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")
    _add_questions(parser)


def _add_questions(parser: argparse.ArgumentParser) -> None:
    """Adds what is asked about."""
    parser.add_argument(
        "--query",
        type=int,
        nargs="+",
        action="extend",
        default=[],
        metavar="N",
        help="draw the decoder's attention of these queries (default of a DETR, without --point: of"
        " the five best detections)",
    )
    parser.add_argument(
        "--point",
        nargs="+",
        action="extend",
        default=[],
        metavar="X,Y",
        help="for a DETR: draw the encoder's attention from these pixels of the image",
    )
    parser.add_argument(
        "--layer",
        type=int,
        help="layer of the decoder, and of DETR's encoder, from 0 (default -1, the last)",
    )
    parser.add_argument("--head", type=int, help="one attention head (default: the mean of all)")


def run(args: argparse.Namespace) -> None:
    """Draws the sheet."""
    from pathlib import Path

    from drivetr.files import require_writable
    from drivetr.visual.png import write_png

    require_writable(args.out, ".png")
    draw = draw_cameras if args.image is None else draw_image
    write_png(Path(args.out), draw(args))
    print(f"wrote {args.out}")


def draw_cameras(args: argparse.Namespace) -> "Canvas":
    """Why a 3D detector saw what it saw in a sample.

    Raises:
        DrivetrError: the checkpoint's model looks at single images, or the question has no answer.
    """
    from drivetr.engine.looking import load_around
    from drivetr.engine.query_panels import Inquiry, draw_query_attention
    from drivetr.errors import DrivetrError

    if args.point:
        raise DrivetrError(
            "--point asks a DETR's encoder about an IMAGE; name one, or leave it out"
        )
    if args.top is not None and args.query:
        raise DrivetrError("--top and --query both say which boxes are drawn; leave one out")
    if args.class_name is not None and args.query:
        raise DrivetrError("--class and --query both say which boxes are drawn; leave one out")
    question = Inquiry(
        sample="0" if args.sample is None else args.sample,
        top=3 if args.top is None else args.top,
        class_name=args.class_name,
        queries=args.query,
        layer=-1 if args.layer is None else args.layer,
        head=args.head,
    )
    loaded = load_around(args.model, args.device)
    return draw_query_attention(loaded, args.dataroot, args.version, args.split, question)


def draw_image(args: argparse.Namespace) -> "Canvas":
    """Where a DETR or a ViT looks in an image.

    Raises:
        DrivetrError: the model is another one, or the question has no answer.
    """
    from pathlib import Path

    from drivetr.engine.detr import detr_of
    from drivetr.engine.detr_panels import Question, draw_attention
    from drivetr.engine.looking import load_model
    from drivetr.engine.vit_panels import draw_vit_attention
    from drivetr.models.vit import ViTClassifier

    refuse_questions_to_cameras(args)
    points = [parse_point(text) for text in args.point]
    loaded = load_model(args.model, args.device)
    if isinstance(loaded.model, ViTClassifier):
        refuse_questions_to_detr(args)
        return draw_vit_attention(loaded, Path(args.image), args.head)
    layer = -1 if args.layer is None else args.layer
    question = Question(points, args.query, layer, args.head)
    return draw_attention(detr_of(loaded, args.model), Path(args.image), question)


def refuse_questions_to_cameras(args: argparse.Namespace) -> None:
    """An image stands for itself: it is no sample of a dataset.

    Raises:
        DrivetrError: an option was given that only a 3D detector answers.
    """
    from drivetr.errors import DrivetrError

    for option in ("dataroot", "version", "split", "sample", "top", "class_name"):
        if getattr(args, option) is not None:
            raise DrivetrError(
                f"--{option.removesuffix('_name')} asks a 3D detector about a sample, but"
                f" {args.image} was named too; leave one of them out"
            )


def refuse_questions_to_detr(args: argparse.Namespace) -> None:
    """A ViT has no queries, and all its layers are drawn.

    Raises:
        DrivetrError: an option was given that only a DETR answers.
    """
    from drivetr.errors import DrivetrError

    given = {"--query": args.query, "--point": args.point, "--layer": args.layer}
    for option, value in given.items():
        if value not in ([], None):
            raise DrivetrError(
                f"{option} asks a DETR, but {args.model} is a ViT, of which all layers are drawn;"
                " leave it out"
            )


def parse_point(text: str) -> tuple[float, float]:
    """The x and y of `X,Y`.

    Raises:
        DrivetrError: not two numbers.
    """
    from drivetr.errors import DrivetrError

    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DrivetrError(f"--point is {text!r}, expected X,Y in pixels, such as 40,25") from error
    return x, y
