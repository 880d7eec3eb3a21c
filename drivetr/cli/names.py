"""`drivetr names`: what a detector with named classes is trained with, from a CLIP model."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = "Embed class names and the objects of a dataset, for a detector that is told names."
EXAMPLE = (
    "drivetr names work_dirs/clip_synth/last.pth data/synth --version v1.0-synth"
    " --split synth_train --hidden bus pedestrian --out data/names"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument(
        "clip", metavar="CLIP", help="checkpoint of a CLIP training, or a folder of drivetr convert"
    )
    add_dataset_arguments(parser, coco=False)
    parser.add_argument(
        "--hidden",
        nargs="*",
        default=[],
        metavar="NAME",
        help="classes whose name the training is not to know (default: none)",
    )
    parser.add_argument(
        "--others",
        nargs="*",
        default=["night", "dusk"],
        metavar="WORD",
        help="words that name no class, to compare with (default: night dusk)",
    )
    parser.add_argument(
        "--vocab", metavar="FILE", help="CLIP's vocabulary (default: that of open_clip_torch)"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write into")


def run(args: argparse.Namespace) -> None:
    """Writes the three files and tells what they are for."""
    from pathlib import Path

    from drivetr.engine.clip import load_clip
    from drivetr.engine.names import write_names

    out = Path(args.out)
    dataset = (args.dataroot, args.version, args.split)
    count = write_names(load_clip(args.clip, args.vocab), dataset, args.hidden, args.others, out)
    print(
        f"embedded {count} objects. Train with\n"
        f"  --cfg-options model.head.names.init={out / 'named.safetensors'}"
        f" train_data.transforms.0.file={out / 'crops.safetensors'}\n"
        f"and put all names in afterwards from {out / 'names.safetensors'}"
    )
