"""mCE and mRR: the arithmetic of RoboBEV's published table, and what is left out."""

import pytest

from drivetr.evaluation.robustness import (
    DETR3D_CLEAN_NDS,
    DETR3D_NDS,
    corruption_error,
    resilience_rate,
    robustness_scores,
)

# RoboBEV's README: clean NDS, mCE, mRR, and NDS under crash, frame lost, quantisation, motion blur,
# brightness, low light, fog and snow.
PUBLISHED = {
    "DETR3D": "0.4224 100.00 70.77 .2859 .2604 .3177 .2661 .4002 .2786 .3912 .1913",
    "PETR R50": "0.3665 111.01 61.26 .2320 .2166 .2472 .2299 .2841 .1571 .2876 .1417",
    "PETR VoV": "0.4550 100.69 65.03 .2924 .2792 .2968 .2490 .3858 .2305 .3703 .2632",
    "BEVFormer": "0.5174 97.97 60.40 .3154 .3017 .3509 .2695 .4184 .2515 .4069 .1857",
    "PolarFormer": "0.4602 96.06 70.88 .3133 .2808 .3509 .3221 .4304 .2554 .4262 .2304",
    "Sparse4D": "0.5438 100.01 55.04 .2873 .2611 .3310 .2514 .3984 .2510 .3884 .2259",
    "SOLOFusion": "0.5381 92.86 64.53 .3806 .3464 .4058 .3642 .4329 .2626 .4480 .1376",
}
BASELINE = {name: [value] for name, value in DETR3D_NDS.items()}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_table(model):
    clean, mce, mrr, *nds = map(float, PUBLISHED[model].split())
    found = {name: [value] for name, value in zip(DETR3D_NDS, nds, strict=True)}
    scores = robustness_scores(clean, found, BASELINE)
    assert scores.mce == pytest.approx(mce, abs=0.006)
    assert scores.mrr == pytest.approx(mrr, abs=0.006)


def test_the_baseline_of_itself():
    clean, _, _, *nds = map(float, PUBLISHED["DETR3D"].split())
    assert (clean, nds) == (DETR3D_CLEAN_NDS, list(DETR3D_NDS.values()))
    assert robustness_scores(DETR3D_CLEAN_NDS, BASELINE, BASELINE).mce == pytest.approx(100.0)


def test_by_hand():
    assert corruption_error([0.4, 0.2, 0.0], [0.5, 0.5, 0.0]) == pytest.approx(100 * 2.4 / 2.0)
    assert resilience_rate([0.4, 0.2, 0.0], 0.5) == pytest.approx(40.0)


def test_a_mean_of_the_severities_gives_the_same():
    values, mean = [0.5, 0.3, 0.1], [0.3]
    assert corruption_error(values, mean) == pytest.approx(corruption_error(mean, mean))
    assert resilience_rate(values, 0.4) == pytest.approx(resilience_rate(mean, 0.4))


def test_corruptions_without_a_baseline_have_no_error():
    scores = robustness_scores(0.5, {"fog": [0.2], "snow": [0.1]}, {"fog": [0.2]})
    assert list(scores.errors) == ["fog"]
    assert list(scores.rates) == ["fog", "snow"]
    assert robustness_scores(0.5, {"fog": [0.2]}, {}).mce is None


def test_a_detector_that_finds_nothing_keeps_nothing():
    scores = robustness_scores(0.0, {"fog": [0.0]}, {})
    assert scores.rates == {}
    assert scores.mrr is None
