"""`drivetr convert`: brings published weights into drivetr's plain files."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivetr.engine.detector_weights import Target

HELP = (
    "Convert published weights of PETR's family, DETR, ViT or CLIP; every key is accounted for."
    " Checkpoints of 3D detectors need --box-convention, because nothing in them tells it."
)
EXAMPLE = (
    "drivetr convert petr_vov_p4_800x320.pth --model petr_vov_p4_320x800 --box-convention petr"
    " --out weights/petr\n"
    "  drivetr convert detr-r50-e632da11.pth --model detr_r50 --out weights/detr_r50"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a .safetensors, .pth, .pt, .bin or .npz file, or a Hugging Face folder",
    )
    parser.add_argument("--model", metavar="NAME", help="name of the model; --list prints them")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="in place of --model: config of a 3D detector of your own, whose names nobody listed",
    )
    parser.add_argument(
        "--box-convention",
        metavar="C",
        help="of a 3D detector: petr (PETR, PETRv2, DETR3D), streampetr, or mmdet3d_petr and"
        " mmdet3d_detr3d (the ports in mmdetection3d 1.x)",
    )
    parser.add_argument(
        "--weights",
        choices=("averaged", "trained"),
        default="averaged",
        help="of a file with both the weights as trained and their average over the training"
        " (default: averaged)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for model.safetensors and config.json")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="K=V",
        help="settings of a 2D model that the file does not tell, such as num_heads=8",
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

    from drivetr.engine.convert import convert
    from drivetr.engine.detector_weights import convert_detector, find_target, listed_names
    from drivetr.engine.sources import check_conversion, read_source

    if args.list:
        print("\n".join(listed_names()))
        return
    _check(args)
    out = Path(args.out)
    check_conversion(Path(args.source), out)
    target = find_target(args.model, args.config)
    given = _settings(args, target)
    source = read_source(Path(args.source), args.allow_torchscript, args.weights == "averaged")
    print(f"{args.source}: {source.told}")
    if target is None:
        report = convert(source, args.model, out, given)
    else:
        report = convert_detector(source, target, args.box_convention, out)
    print(f"{report}\nwrote {args.out}: drivetr.from_pretrained({args.out!r}) loads it")


def _check(args: argparse.Namespace) -> None:
    """Refuses a command without what it needs."""
    from drivetr.errors import DrivetrError

    for name in ("source", "model", "out"):
        if getattr(args, name) is None and not (name == "model" and args.config):
            flag = "SOURCE" if name == "source" else f"--{name}"
            raise DrivetrError(f"{flag} is missing; see drivetr convert --help")
    if args.model and args.config:
        raise DrivetrError("--model names a config already; give it or --config")


def _settings(args: argparse.Namespace, target: "Target | None") -> dict[str, Any]:
    """What `--set` gives, after the flags were checked that a target needs or cannot have."""
    from drivetr.engine.box_conventions import check_convention
    from drivetr.engine.config import parse_options

    if target is None:
        _refuse(args.box_convention, "--box-convention", f"{args.model} finds no 3D boxes")
        return parse_options(args.set)
    _refuse(args.set, "--set", "the config of a 3D detector tells everything")
    check_convention(args.box_convention, target.conventions, target.name)
    return {}


def _refuse(given: object, flag: str, reason: str) -> None:
    """Refuses a flag that means nothing here."""
    from drivetr.errors import DrivetrError

    if given:
        raise DrivetrError(f"{flag}: {reason}; leave it out")
