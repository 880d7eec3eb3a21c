"""`drivetr convert`: brings published weights into drivetr's plain files."""

import argparse

HELP = "Convert published weights of DETR, ViT or CLIP; every key is accounted for."
EXAMPLE = "drivetr convert detr-r50-e632da11.pth --model detr_r50 --out weights/detr_r50"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a .safetensors, .pth, .pt, .bin or .npz file, or a Hugging Face folder",
    )
    parser.add_argument("--model", metavar="NAME", help="name of the model; --list prints them")
    parser.add_argument("--out", metavar="DIR", help="folder for model.safetensors and config.json")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="K=V",
        help="settings that the file does not tell, such as num_heads=8",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the models")
    parser.add_argument(
        "--allow-torchscript",
        action="store_true",
        help="read TorchScript archives too, whose code runs when they are loaded",
    )


def run(args: argparse.Namespace) -> None:
    """Converts, or lists the names."""
    from pathlib import Path

    from drivetr.engine.config import parse_options
    from drivetr.engine.convert import convert
    from drivetr.engine.sources import read_source
    from drivetr.errors import DrivetrError
    from drivetr.models.published import FAMILIES, PUBLISHED

    if args.list:
        print("\n".join([*PUBLISHED, *(f"{name} (sizes from the source)" for name in FAMILIES)]))
        return
    for name in ("source", "model", "out"):
        if getattr(args, name) is None:
            flag = "SOURCE" if name == "source" else f"--{name}"
            raise DrivetrError(f"{flag} is missing; see drivetr convert --help")
    source = read_source(Path(args.source), args.allow_torchscript)
    report = convert(source, args.model, Path(args.out), parse_options(args.set))
    print(f"{report}\nwrote {args.out}: drivetr.from_pretrained({args.out!r}) loads it")
