"""The devkit's tracking evaluation on tables that are open already.

Import this module after `require_tracking_extra` only: where a package of the extra `tracking` is
absent, the devkit's modules raise `unittest.SkipTest`.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.loaders import (
    add_center_dist,
    filter_eval_boxes,
    load_gt_of_sample_tokens,
    load_prediction_of_sample_tokens,
)
from nuscenes.eval.tracking.data_classes import TrackingBox, TrackingMetrics
from nuscenes.eval.tracking.evaluate import TrackingEval
from nuscenes.eval.tracking.loaders import create_tracks
from nuscenes.nuscenes import NuScenes
from tqdm import tqdm

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.truth import devkit_output

OFFICIAL_CONFIG = "tracking_nips_2019"


class OpenTablesEval(TrackingEval):
    """`TrackingEval` without its reading of the tables, which it does not allow to hand in.

    Reading them twice costs gigabytes, and tables that were mended in memory
    (`lend_reference_channel`) would be lost. The judging itself is inherited.
    """

    def __init__(
        self,
        nusc: NuScenes,
        split: str,
        tokens: Sequence[str],
        predicted: EvalBoxes,
        truth: EvalBoxes,
        verbose: bool,
    ) -> None:
        """Filters boxes, joins them to tracks and fills the tracks' gaps, as the devkit does.

        Args:
            nusc: the tables.
            split: name of the split.
            tokens: samples of the split.
            predicted: from the tracking submission.
            truth: from the tables.
            verbose: whether the devkit prints.
        """
        self.cfg = config_factory(OFFICIAL_CONFIG)
        self.verbose = verbose
        self.render_classes, self.output_dir = None, ""
        self.num_samples = len(tokens)
        sides = []
        for boxes, is_truth in ((truth, True), (predicted, False)):
            boxes = add_center_dist(nusc, boxes)
            if boxes.all:  # the devkit's filter wants to see one
                boxes = filter_eval_boxes(nusc, boxes, self.cfg.class_range, verbose)
            scenes = create_tracks(boxes, nusc, split, gt=is_truth)
            # The devkit collects the scenes in a set, whose order is not the same in every process.
            sides.append({key: scenes[key] for key in sorted(scenes)})
        self.tracks_gt, self.tracks_pred = sides
        counts = Counter(
            box.tracking_name
            for scene in self.tracks_gt.values()
            for boxes in scene.values()
            for box in boxes
        )
        self.num_truth = {name: counts[name] for name in self.cfg.class_names}

    def judge(self) -> dict[str, Any]:
        """The devkit's metrics, class by class with a progress bar, and their means or sums."""
        names = list(self.cfg.class_names)
        joined = TrackingMetrics(self.cfg)
        joined.add_runtime(0.0)
        with tqdm(names, desc="evaluate", unit="class", disable=None, leave=False) as bar:
            for name in bar:
                bar.set_postfix_str(name)
                self.cfg.class_names = [name]
                with devkit_output(self.verbose):
                    found, _ = self.evaluate()
                for metric, by_class in found.label_metrics.items():
                    joined.add_label_metric(metric, name, by_class[name])
                joined.add_runtime(joined.eval_time + found.eval_time)
        self.cfg.class_names = names
        with devkit_output(self.verbose):  # numpy warns of metrics that no class has
            content: dict[str, Any] = joined.serialize()
        return content


def load_tracks(path: Path, tokens: Sequence[str], verbose: bool) -> tuple[EvalBoxes, Any]:
    """Boxes of a tracking submission and its `meta`, by the devkit's own loader.

    Raises:
        DrivetrError: the devkit does not take the file.
    """
    limit = config_factory(OFFICIAL_CONFIG).max_boxes_per_sample
    try:
        with devkit_output(verbose):
            loaded: tuple[EvalBoxes, Any] = load_prediction_of_sample_tokens(
                str(path), limit, TrackingBox, tokens, verbose
            )
    except KeyError as error:
        raise DrivetrError(
            f"{path} is no tracking submission to this split: it has no {error}."
        ) from error
    except (AssertionError, OSError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise DrivetrError(f"{path} is no tracking submission that can be read: {text}") from error
    return loaded


def load_truth(nusc: NuScenes, tokens: Sequence[str], verbose: bool) -> EvalBoxes:
    """Ground-truth boxes of the seven classes that are tracked."""
    with devkit_output(verbose):
        return load_gt_of_sample_tokens(nusc, tokens, TrackingBox, verbose)
