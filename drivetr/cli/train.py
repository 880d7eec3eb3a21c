"""`drivetr train`: trains what a config describes."""

import argparse

from drivetr.cli.common import add_dataset_arguments, add_launcher_argument

HELP = """Train a detector from a config, and resume exactly where a run was killed.

SIGTERM and SIGUSR1 end the run after the present step with a checkpoint and status 75: nothing is
wrong, start the same command with --resume. Other statuses: 0 trained, 2 a mistake told in one
sentence, 130 Ctrl-C (nothing saved)."""
EXAMPLE = (
    "drivetr train configs/petr/petr_point_synth.py --dataroot data/synth --version v1.0-synth"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags; they have the names that users of mmdetection3d know."""
    parser.add_argument("config", metavar="CONFIG", help="config file, it is run as Python code")
    add_dataset_arguments(parser, positional=False, split="optional")
    parser.add_argument(
        "--work-dir", metavar="DIR", help="folder of the run (default: work_dirs/<config's name>)"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="auto|PATH",
        help="go on from the newest usable checkpoint in the work folder, or from PATH",
    )
    parser.add_argument(
        "--amp", action="store_true", help="mixed precision: bf16, or fp16 where the config says so"
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a CUDA device if any)")
    parser.add_argument("--seed", type=int, help="of everything random (default: the config's)")
    parser.add_argument(
        "--from-scratch",
        action="store_true",
        help="start without the pretrained weights that the config asks for",
    )
    parser.add_argument(
        "--allow-head-mismatch",
        action="store_true",
        help="start layers afresh that have another number of outputs than in the weights of an"
        " `init`, such as the head of other classes; the log names them",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action="extend",
        metavar="KEY=VALUE",
        help="replace entries of the config, such as model.backbone.init=resnet50.pth",
    )
    parser.add_argument(
        "--on-nan",
        choices=("stop", "skip", "rollback"),
        help="when a loss or gradient is not finite: stop, leave the step out, or go back to the"
        " last checkpoint and on behind that data (default: the config's, stop)",
    )
    parser.add_argument(
        "--fsdp",
        nargs="*",
        metavar="MODULE",
        help="share the blocks of these modules of the detector between the processes, to save"
        " memory (without a name: backbone)",
    )
    add_launcher_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Trains, then prints the command that tests the result."""
    import os
    import shlex
    from dataclasses import replace
    from pathlib import Path

    from drivetr.engine.config import load_config, parse_options, with_dataset
    from drivetr.engine.devices import choose_device
    from drivetr.engine.train import RunOptions, train

    config = load_config(args.config, parse_options(args.cfg_options))
    own_version = config.test_data.get("version")
    config = with_dataset(config, args.dataroot, args.version, train_split=args.split)
    if args.amp and (config.amp == "off" or choose_device(args.device).type == "cpu"):
        config = replace(config, amp="bf16")
    if args.seed is not None:
        config = replace(config, seed=args.seed)
    if args.on_nan is not None:
        config = replace(config, on_nan={**config.on_nan, "policy": args.on_nan})
    if args.fsdp is not None:
        config = replace(config, fsdp=tuple(args.fsdp) or ("backbone",))
    work_dir = Path(args.work_dir or Path("work_dirs") / Path(args.config).stem)
    options = RunOptions(
        work_dir, args.resume, args.device, args.launcher, args.from_scratch,
        args.allow_head_mismatch,
    )  # fmt: skip
    checkpoint = train(config, options)
    if os.environ.get("RANK", "0") != "0":
        return  # one of several processes speaks
    names = {key: config.test_data.get(key) for key in ("dataroot", "version", "split")}
    if names["version"] != own_version:
        names["split"] = "SPLIT"  # of another version
    command = ["drivetr", "test", str(checkpoint)]
    for key, value in names.items():
        command += [] if value is None else [f"--{key}", str(value)]
    print(f"Trained. Test it with:\n  {shlex.join(command)}")
