"""Arguments that several subcommands share, so that a dataset is named the same way everywhere."""

import argparse
from typing import Literal

_FOLDER = "folder of the dataset: nuScenes' samples/, sweeps/ and tables, or COCO's annotations/"


def add_dataset_arguments(
    parser: argparse.ArgumentParser,
    positional: bool = True,
    split: Literal["optional", "required"] | None = "required",
) -> None:
    """Adds the names of a dataset: dataroot, `--version` and, on request, `--split`.

    Args:
        parser: parser of the subcommand.
        positional: True for a required `DATAROOT --version V`; False for the options
            `--dataroot D --version V`, which are None where a config's own dataset is meant.
            With `split="required"` these options are required too.
        split: whether `--split` is required, optional or absent.
    """
    required = positional or split == "required"
    default = "" if required else " (default: that of the config or checkpoint)"
    if positional:
        parser.add_argument("dataroot", metavar="DATAROOT", help=_FOLDER)
    else:
        parser.add_argument(
            "--dataroot",
            metavar="DIR",
            required=required,
            help=_FOLDER + default,
        )
    parser.add_argument(
        "--version",
        metavar="V",
        required=required,
        help="such as v1.0-mini, v1.0-trainval or v1.0-synth; COCO's is its year, 2017" + default,
    )
    if split is not None:
        parser.add_argument(
            "--split",
            metavar="S",
            required=split == "required",
            help="part of the version, such as val, mini_val or synth_val; COCO's train2017"
            + default,
        )
