"""A detector whose answers to one frame are its ground truth, in a convention of one's choice."""

from pathlib import Path

import torch
from torch import Tensor, nn

from drivetr.engine.api import LoadedDetector
from drivetr.engine.config import load_config
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import outputs_of
from drivetr.geometry.box_codes import BOX_CODES, code_from_boxes
from drivetr.geometry.boxes import CENTER
from drivetr.nn.ranges import unit_from_metres
from drivetr.structures.frame import Frame, Targets, collate_frames

CONFIG = Path(__file__).with_name("tiny_petr_config.py")
WIDTH = 96  # of the queries: far more than there are objects
APART = 10.0  # factor by which neighbours are told apart more sharply
SURE = 6.0  # logit of an object's class


def options(count: int, dataroot: Path, split: str) -> dict[str, object]:
    """What the tiny config needs for as many queries as objects."""
    width = {
        "model.neck.out_channels": WIDTH,
        "model.input_proj.in_channels": WIDTH,
        "model.input_proj.out_channels": WIDTH,
        "model.position.embed_dim": WIDTH,
        "model.queries.embed_dim": WIDTH,
        "model.decoder.embed_dim": WIDTH,
        "model.head.embed_dim": WIDTH,
    }
    names = {"test_data.dataroot": str(dataroot), "test_data.split": split}
    return {**width, **names, "model.queries.num_queries": count}


def within(targets: Targets, span: tuple[float, ...]) -> Targets:
    """The objects inside the detection range."""
    unit = unit_from_metres(targets.boxes[:, CENTER], span)
    return targets[((unit > 0.01) & (unit < 0.99)).all(-1)]


def right_detector(frame: Frame, convention: str, dataroot: Path, split: str) -> LoadedDetector:
    """PETR with random weights, but for its reference points and its two last layers.

    The queries start at the objects; the last layers are the solution of the linear equations that
    give every query the class and the raw code of its object, in the columns of the convention.
    """
    torch.manual_seed(0)
    config = load_config(CONFIG)
    assert frame.targets is not None
    truth = within(frame.targets, config.model["span"])
    config = load_config(CONFIG, options(len(truth), dataroot, split))
    spec = DetectorSpec.of_config(config)
    detector, postprocess = spec.build_detector()
    detector.eval()
    head = detector.head
    head.code = BOX_CODES[convention]
    with torch.no_grad():
        for layer in detector.position.query_embedding[::2]:
            layer.weight.mul_(APART)
    centres = unit_from_metres(truth.boxes[:, CENTER], config.model["span"])
    detector.queries.reference_points.weight.data.copy_(centres)
    boxes = truth.boxes.clone().nan_to_num(0.0)
    boxes[:, CENTER] = 0.0  # where the query starts
    classes = torch.full((len(truth), 10), -SURE)
    classes[torch.arange(len(truth)), truth.labels] = SURE
    solve(detector, frame, head.regress[-1][-1], code_from_boxes(boxes, head.code))
    solve(detector, frame, head.classify[-1][-1], classes)
    return LoadedDetector(detector, postprocess, spec, torch.device("cpu"))


@torch.no_grad()
def solve(detector: nn.Module, frame: Frame, layer: nn.Linear, answers: Tensor) -> None:
    """Gives the layer the weights by which the last decoder layer ends in the answers."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0]))
    outputs_of(detector, collate_frames([frame]))
    hook.remove()
    hidden = torch.cat([seen[-1], torch.ones(len(answers), 1)], dim=1).double()
    weights = torch.linalg.lstsq(hidden, answers.double(), driver="gelsd").solution
    layer.weight.copy_(weights[:-1].T)
    layer.bias.copy_(weights[-1])
