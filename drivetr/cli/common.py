"""Arguments that several subcommands share, so that a dataset is named the same way everywhere."""

import argparse
from typing import Literal

# What the three names are, of nuScenes and, added to it, of COCO.
_NUSCENES = {
    "dataroot": "folder of the dataset: nuScenes' samples/, sweeps/ and tables",
    "version": "such as v1.0-mini, v1.0-trainval or v1.0-synth",
    "split": "part of the version, such as val, mini_val or synth_val",
}
_COCO = {
    "dataroot": ", or COCO's annotations/",
    "version": "; COCO's is its year, 2017",
    "split": "; COCO's train2017",
}


def add_dataset_arguments(
    parser: argparse.ArgumentParser,
    positional: bool = True,
    split: Literal["optional", "required"] | None = "required",
    coco: bool = True,
) -> None:
    """Adds the names of a dataset: dataroot, `--version` and, on request, `--split`.

    Args:
        parser: parser of the subcommand.
        positional: True for a required `DATAROOT --version V`; False for the options
            `--dataroot D --version V`, which are None where a config's own dataset is meant.
            With `split="required"` these options are required too.
        split: whether `--split` is required, optional or absent.
        coco: whether the help speaks of COCO too; False for what only nuScenes has.
    """
    required = positional or split == "required"
    default = "" if required else " (default: that of the config or checkpoint)"
    told = {name: text + (_COCO[name] if coco else "") for name, text in _NUSCENES.items()}
    if positional:
        parser.add_argument("dataroot", metavar="DATAROOT", help=told["dataroot"])
    else:
        parser.add_argument(
            "--dataroot",
            metavar="DIR",
            required=required,
            help=told["dataroot"] + default,
        )
    parser.add_argument(
        "--version",
        metavar="V",
        required=required,
        help=told["version"] + default,
    )
    if split is not None:
        parser.add_argument(
            "--split",
            metavar="S",
            required=split == "required",
            help=told["split"] + default,
        )


def add_launcher_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--launcher`, for commands that several processes share."""
    parser.add_argument(
        "--launcher",
        choices=("none", "pytorch", "slurm"),
        default="none",
        help="how several processes were started (pytorch: torchrun), see docs/distributed.md",
    )
