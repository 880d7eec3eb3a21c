"""What a robustness test found, as plain data, and mCE and mRR of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivetr.data.corruptions.catalogue import PROTOCOL, SEVERITIES
from drivetr.engine.robustness import Condition
from drivetr.errors import DrivetrError
from drivetr.evaluation.robustness import DETR3D_NDS, RobustnessScores, robustness_scores

_ERRORS = {
    "mATE": "trans_err",
    "mASE": "scale_err",
    "mAOE": "orient_err",
    "mAVE": "vel_err",
    "mAAE": "attr_err",
}
OFFICIAL_SPLIT = ("v1.0-trainval", "val")

Row = dict[str, float]  # NDS, mAP and the mean errors


@dataclass(frozen=True)
class Baseline:
    """What mCE compares with.

    Attributes:
        name: for people.
        nds: by corruption and severity; the severity 0 is the mean of all three.
    """

    name: str
    nds: Mapping[str, Mapping[float, float]]

    def values(self, corruption: str, severities: Iterable[float]) -> list[float] | None:
        """NDS at these severities, or their mean; None where it is not known."""
        known = self.nds.get(corruption, {})
        wanted = list(severities)
        if all(severity in known for severity in wanted):
            return [known[severity] for severity in wanted]
        return [known[0]] if 0 in known and wanted == list(SEVERITIES) else None


PUBLISHED = Baseline("DETR3D, as published by RoboBEV", {k: {0: v} for k, v in DETR3D_NDS.items()})


@dataclass(frozen=True)
class RobustnessSummary:
    """All that was measured.

    Attributes:
        about: names of what was tested.
        identity: digests of weights, parts, frames and transforms.
        clean: on clean input.
        rows: by corruption and severity.
        baseline: of mCE, None for none.
        left_out: conditions that this split cannot be tested under, and why.
    """

    about: dict[str, str]
    identity: dict[str, str]
    clean: Row
    rows: dict[str, dict[float, Row]]
    baseline: Baseline | None
    left_out: dict[str, str]

    @property
    def scores(self) -> RobustnessScores:
        """CE and RR of the corruptions of the protocol that were tested."""
        nds = {
            name: {severity: row["NDS"] for severity, row in rows.items()}
            for name, rows in self.rows.items()
            if name in PROTOCOL
        }
        compared = {}
        for name, of_severity in nds.items():
            values = None if self.baseline is None else self.baseline.values(name, of_severity)
            if values is not None:
                compared[name] = values
        return robustness_scores(
            self.clean["NDS"], {name: list(v.values()) for name, v in nds.items()}, compared
        )

    def to_data(self) -> dict[str, Any]:
        """For a JSON file, from which `read_baseline` reads again."""
        scores = self.scores
        return {
            "about": self.about,
            "test": self.identity,
            "clean": self.clean,
            "corruptions": {
                name: {f"{severity:g}": row for severity, row in rows.items()}
                for name, rows in self.rows.items()
            },
            "baseline": None if self.baseline is None else self.baseline.name,
            "CE": scores.errors,
            "RR": scores.rates,
            "mCE": scores.mce,
            "mRR": scores.mrr,
            "left_out": self.left_out,
        }


def row_of(metrics: Mapping[str, Any]) -> Row:
    """The official summary in the words of the papers."""
    errors = {name: metrics["tp_errors"][key] for name, key in _ERRORS.items()}
    return {"NDS": metrics["nd_score"], "mAP": metrics["mean_ap"], **errors}


def rows_of(measured: Mapping[Condition, Row]) -> dict[str, dict[float, Row]]:
    """The rows of corruptions by name and severity, in their order."""
    rows: dict[str, dict[float, Row]] = {}
    for condition, row in measured.items():
        if condition.corruption is not None:
            rows.setdefault(condition.corruption.name, {})[condition.severity] = row
    return rows


def read_baseline(path: Path, frames: str) -> Baseline:
    """The baseline that the `robustness.json` of another detector gives.

    Args:
        path: of the file.
        frames: digest of the frames that it has to have been tested on.

    Raises:
        DrivetrError: no such file, or it is of other frames.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["test"]["frames"] != frames:
            raise DrivetrError(
                f"{path}: was measured on other frames than this test; mCE compares detectors on"
                " the same ones"
            )
        nds = {
            str(name): {float(severity): float(row["NDS"]) for severity, row in rows.items()}
            for name, rows in content["corruptions"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DrivetrError(
            f"{path}: is no robustness.json of drivetr robustness; give the one of the baseline"
        ) from error
    return Baseline(str(path), nds)
