"""What each decoder layer of a DETR finds, with and without NMS (arXiv:2005.12872, figure 4)."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms
from tqdm import tqdm

from drivetr.data.coco.annotations import annotation_file
from drivetr.engine.api import LoadedDetector
from drivetr.engine.loaders import batches, loader_for_testing
from drivetr.engine.training import outputs_of
from drivetr.evaluation.coco.detection import evaluate_results
from drivetr.evaluation.coco.results import ResultsWriter
from drivetr.structures.detections2d import Detections2D

Found = tuple[int, Detections2D]  # number of the image, and what is in it
NMS_IOU = 0.5  # the default of the toolbox that the paper's figure refers to (Detectron2)


@dataclass(frozen=True)
class LayerScores:
    """COCO's numbers of one decoder layer.

    Attributes:
        layer: from 1.
        AP: over IoU .5 to .95.
        AP50: at IoU .5.
        AP_nms: AP after non-maximum suppression.
        AP50_nms: AP50 after it.
    """

    layer: int
    AP: float
    AP50: float
    AP_nms: float
    AP50_nms: float


def suppressed(found: Detections2D, iou: float) -> Detections2D:
    """The detections that no better one of the same class overlaps by more than `iou`."""
    keep = batched_nms(found.boxes, found.scores, found.labels, iou)
    return Detections2D(found.boxes[keep], found.scores[keep], found.labels[keep])


def layer_outputs(outputs: dict[str, Any]) -> list[dict[str, Tensor]]:
    """The outputs of every decoder layer, first to last."""
    return [*outputs["aux_outputs"], outputs]


def score_layers(
    loaded: LoadedDetector, dataset: tuple[str, str, str], nms_iou: float = NMS_IOU
) -> list[LayerScores]:
    """Tests every decoder layer on a split; all layers share the heads that read them out.

    Args:
        loaded: a DETR.
        dataset: dataroot, version and split, in COCO's format.
        nms_iou: overlap from which a box is suppressed.

    Raises:
        DrivetrError: there is no such split.
    """
    annotations = annotation_file(Path(dataset[0]), *dataset[1:])
    opened, settings = loaded.open(*dataset)

    def scores(found: list[Found]) -> dict[str, Any]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "results.json"
            with ResultsWriter(path, opened.category_ids) as writer:
                for image_id, detections in found:
                    writer.add(image_id, detections)
            return evaluate_results(path, annotations, opened.image_ids)

    rows = []
    layers = _detect(loaded, loader_for_testing(opened, settings, loaded.device))
    for number, found in enumerate(tqdm(layers, desc="Evaluating", unit="layer"), start=1):
        raw = scores(found)
        nms = scores([(image_id, suppressed(each, nms_iou)) for image_id, each in found])
        rows.append(LayerScores(number, raw["AP"], raw["AP50"], nms["AP"], nms["AP50"]))
    return rows


@torch.no_grad()
def _detect(loaded: LoadedDetector, loader: Any) -> list[list[Found]]:
    """What every layer finds in every image."""
    layers: dict[int, list[Found]] = {}
    for batch in batches(tqdm(loader, desc="Detecting", unit="batch")):
        batch = batch.to(loaded.device)
        for number, layer in enumerate(layer_outputs(outputs_of(loaded.detector, batch))):
            found = loaded.postprocess(layer, *batch.sizes)
            ids = [sample.id for sample in batch.samples]
            pairs = zip(ids, (each.to("cpu") for each in found), strict=True)
            layers.setdefault(number, []).extend(pairs)
    return list(layers.values())


def format_layers(rows: list[LayerScores]) -> str:
    """A table for the terminal and for pages in Markdown."""
    lines = ["| decoder layer | AP | AP50 | AP with NMS | AP50 with NMS |", "|---|---|---|---|---|"]
    for row in rows:
        numbers = (row.AP, row.AP50, row.AP_nms, row.AP50_nms)
        lines.append(f"| {row.layer} | {' | '.join(f'{number:.3f}' for number in numbers)} |")
    return "\n".join(lines)
