"""`drivetr attention`: a picture of where a DETR or a ViT looks in an image."""

import argparse

HELP = (
    "Draw attention: a DETR's encoder from points and decoder for detections, or a ViT's in every"
    " layer and rolled out."
)
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
        help="layer of DETR's encoder and decoder, from 0 (default -1, the last)",
    )
    parser.add_argument("--head", type=int, help="one attention head (default: the mean of all)")
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def run(args: argparse.Namespace) -> None:
    """Draws the sheet."""
    from pathlib import Path

    from drivetr.engine.detr import detr_of
    from drivetr.engine.detr_panels import Question, draw_attention
    from drivetr.engine.looking import load_model
    from drivetr.engine.vit_panels import draw_vit_attention
    from drivetr.models.vit import ViTClassifier
    from drivetr.visual.png import write_png

    points = [parse_point(text) for text in args.point]
    loaded = load_model(args.model, args.device)
    if isinstance(loaded.model, ViTClassifier):
        refuse_questions_to_detr(args)
        sheet = draw_vit_attention(loaded, Path(args.image), args.head)
    else:
        layer = -1 if args.layer is None else args.layer
        question = Question(points, args.query, layer, args.head)
        sheet = draw_attention(detr_of(loaded, args.model), Path(args.image), question)
    write_png(Path(args.out), sheet)
    print(f"wrote {args.out}")


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
