"""How much a detector loses on corrupted input: mCE and mRR of RoboBEV (arXiv:2304.06719).

    CE = 100 * sum(1 - NDS) / sum(1 - NDS of the baseline)     over the severities; less is better
    RR = 100 * sum(NDS) / (severities * NDS on clean input)    more is better

mCE and mRR are their means over the corruptions. With means over severities in place of the single
values the two come out the same, which is how published tables can be put in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

# NDS of DETR3D, the protocol's baseline, on the official validation split, each a mean over the
# three severities (RoboBEV's README).
DETR3D_NDS: dict[str, float] = {
    "camera_crash": 0.2859,
    "frame_lost": 0.2604,
    "color_quant": 0.3177,
    "motion_blur": 0.2661,
    "brightness": 0.4002,
    "low_light": 0.2786,
    "fog": 0.3912,
    "snow": 0.1913,
}
DETR3D_CLEAN_NDS = 0.4224


def corruption_error(nds: Sequence[float], baseline_nds: Sequence[float]) -> float:
    """CE in percent of one corruption from a value a severity, or from one mean of both."""
    return 100 * fmean(1 - value for value in nds) / fmean(1 - value for value in baseline_nds)


def resilience_rate(nds: Sequence[float], clean_nds: float) -> float:
    """RR in percent of one corruption."""
    return 100 * fmean(nds) / clean_nds


@dataclass(frozen=True)
class RobustnessScores:
    """The scores of each corruption, and their means.

    Attributes:
        errors: CE by corruption; only of those that the baseline has.
        rates: RR by corruption; none of a detector that finds nothing on clean input.
    """

    errors: dict[str, float]
    rates: dict[str, float]

    @property
    def mce(self) -> float | None:
        """mCE, None without any CE."""
        return fmean(self.errors.values()) if self.errors else None

    @property
    def mrr(self) -> float | None:
        """mRR, None without any RR."""
        return fmean(self.rates.values()) if self.rates else None


def robustness_scores(
    clean_nds: float,
    nds: Mapping[str, Sequence[float]],
    baseline_nds: Mapping[str, Sequence[float]],
) -> RobustnessScores:
    """CE and RR of a detector.

    Args:
        clean_nds: NDS on clean input.
        nds: by corruption, one value a severity.
        baseline_nds: those of the baseline at the same severities, or their mean.
    """
    errors = {
        name: corruption_error(values, baseline_nds[name])
        for name, values in nds.items()
        if name in baseline_nds
    }
    rates = {k: resilience_rate(values, clean_nds) for k, values in nds.items() if clean_nds > 0}
    return RobustnessScores(errors, rates)
