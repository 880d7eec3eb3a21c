"""`drivetr layers`: what every decoder layer of a DETR is worth, with and without NMS."""

import argparse

from drivetr.cli.common import add_dataset_arguments

HELP = "AP of every decoder layer of a DETR, with and without non-maximum suppression."
EXAMPLE = (
    "drivetr layers work_dirs/detr_shapes/last.pth --dataroot data/shapes --version shapes"
    " --split val_shapes --plot layers.png"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="of drivetr train, of a DETR")
    add_dataset_arguments(parser, positional=False)
    parser.add_argument(
        "--nms-iou",
        type=float,
        default=0.5,
        metavar="IOU",
        help="overlap above which the worse of two boxes of a class is dropped (default 0.5)",
    )
    parser.add_argument("--out", metavar="FILE.json", help="write the numbers there")
    parser.add_argument("--plot", metavar="FILE.png", help="draw them there")
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")


def run(args: argparse.Namespace) -> None:
    """Prints the table, and writes what was asked for."""
    import json
    from dataclasses import asdict
    from pathlib import Path

    from drivetr.engine.detr import detr_detector
    from drivetr.engine.layers import format_layers, score_layers
    from drivetr.errors import DrivetrError
    from drivetr.files import atomic_text, require_writable
    from drivetr.visual.layer_chart import write_layer_chart

    if not 0 <= args.nms_iou <= 1:
        raise DrivetrError(f"--nms-iou is {args.nms_iou:g}, expected a number from 0 to 1")
    for path in filter(None, (args.out, args.plot)):
        require_writable(path)
    loaded = detr_detector(args.checkpoint, args.device)
    rows = score_layers(loaded, (args.dataroot, args.version, args.split), args.nms_iou)
    print(format_layers(rows))
    if args.out:
        names = ("checkpoint", "dataroot", "version", "split", "nms_iou")
        asked = {name: getattr(args, name) for name in names}
        with atomic_text(args.out) as file:
            json.dump(asked | {"layers": [asdict(row) for row in rows]}, file, indent=1)
    if args.plot:
        series = {
            "AP": [row.AP for row in rows],
            "AP with NMS": [row.AP_nms for row in rows],
            "AP50": [row.AP50 for row in rows],
            "AP50 with NMS": [row.AP50_nms for row in rows],
        }
        write_layer_chart(Path(args.plot), series)
