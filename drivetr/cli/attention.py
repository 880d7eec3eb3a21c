"""`drivetr attention`: a picture of where a DETR looks in an image."""

import argparse

HELP = "Draw a DETR's attention: of the encoder from points, of the decoder for detections."
EXAMPLE = (
    "drivetr attention weights/detr_r50 street.jpg --out attention.png --point 320,240"
    " --point 80,200"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "model",
        metavar="CHECKPOINT_OR_DIR",
        help="a checkpoint of drivetr train, or a folder that drivetr convert wrote",
    )
    parser.add_argument("image", metavar="IMAGE", help="a JPEG or PNG file of any size")
    parser.add_argument("--out", required=True, metavar="FILE.png", help="the picture")
    parser.add_argument(
        "--query",
        type=int,
        nargs="+",
        action="extend",
        default=[],
        metavar="N",
        help="draw the decoder's attention of these queries (default, without --point: of the five"
        " best detections)",
    )
    parser.add_argument(
        "--point",
        nargs="+",
        action="extend",
        default=[],
        metavar="X,Y",
        help="draw the encoder's attention from these pixels of the image",
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        help="layer of encoder and decoder, counted from 0 (default -1, the last)",
    )
    parser.add_argument("--head", type=int, help="one attention head (default: the mean of all)")
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def run(args: argparse.Namespace) -> None:
    """Draws the sheet."""
    from pathlib import Path

    from drivetr.engine.detr import load_detr
    from drivetr.engine.detr_panels import Question, draw_attention
    from drivetr.visual.png import write_png

    points = [parse_point(text) for text in args.point]
    loaded = load_detr(args.model, args.device)
    question = Question(points, args.query, args.layer, args.head)
    write_png(Path(args.out), draw_attention(loaded, Path(args.image), question))
    print(f"wrote {args.out}")


def parse_point(text: str) -> tuple[float, float]:
    """X and y from `X,Y`.

    Raises:
        DrivetrError: not two numbers.
    """
    from drivetr.errors import DrivetrError

    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DrivetrError(f"--point is {text!r}, expected X,Y in pixels, such as 40,25") from error
    return x, y
