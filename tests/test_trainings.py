"""Tables of trainings: what is finished is kept, and the rows say what the files say."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import in_time, robustness
from benchmarks.detr_ablations import LINES, row
from benchmarks.trainings import file_name, kept
from drivetr.data.corruptions.catalogue import CORRUPTIONS, PROTOCOL
from drivetr.engine.config import load_config, parse_options

ROOT = Path(__file__).parent.parent


def test_made_once_and_kept(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"seed": 3}

    for _ in range(2):
        assert kept(tmp_path / "run.json", make) == {"seed": 3}
    assert calls == [1]


def test_what_breaks_is_not_kept(tmp_path):
    def make():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - there is no message
        kept(tmp_path / "run.json", make)
    assert list(tmp_path.iterdir()) == []


def test_names_of_files():
    assert file_name("the demo's recipe") == "the_demos_recipe"
    assert len({file_name(name) for name in LINES}) == len(LINES)


def test_a_row_is_mean_and_spread():
    runs = [{"metrics": {"AP": ap, "AP50": 2 * ap}} for ap in (0.3, 0.4, 0.2)]
    assert row("a", runs, 40.6) == "| a | 30.0 | 20.0 to 40.0 | 60.0 | 3 | 40.6 |"
    assert row("a", runs[:1], 40.6) == "| a | 30.0 |  | 60.0 | 1 | 40.6 |"


@pytest.mark.parametrize("name", LINES)
def test_every_line_is_another_model(name):
    """Each differs from the base in what its name says, and in nothing else."""

    def model(line):
        return load_config(ROOT / line.config, parse_options(list(line.options))).model

    base = model(LINES["sines in all attentions (base)"][0])
    other = model(LINES[name][0])
    differ = {key for key in base if base[key] != other[key]}
    assert differ == {
        "no spatial encoding": {"spatial_encoding"},
        "sines in the decoder's attentions": {"spatial_encoding"},
        "sines at the input": {"spatial_encoding"},
        "learned, in all attentions": {"position"},
        "sines in all attentions (base)": set(),
        "no feed-forward parts": {"encoder", "decoder"},
    }.get(name, {"encoder"})


def test_a_row_in_time_is_mean_and_spread():
    def metrics(error: float) -> dict[str, Any]:
        errors = dict.fromkeys(("trans_err", "scale_err", "orient_err"), 0.5)
        found = {"mean_ap": 0.25, "nd_score": 0.5, "tp_errors": {**errors, "vel_err": error}}
        return {"training_cpu_s": 100 * error, "metrics": found}

    runs = [in_time.figures(metrics(error)) for error in (1.0, 2.0, 4.5)]
    cells = [cell.strip() for cell in in_time.row("PETR", runs).strip("|").split("|")]
    assert cells[:3] == ["PETR", "3", "0.250 (0.250 to 0.250)"]
    assert cells[-2:] == ["2.500 (1.000 to 4.500)", "250 (100 to 450)"]
    assert in_time.row("PETR", runs[:1]).endswith("| 1.000 | 100 |")


def test_plain_and_augmented_differ_in_what_they_are_shown_only():
    for kind in robustness.AUGMENTED:
        plain, augmented = (
            load_config(ROOT / robustness.MODELS[name].config)
            for name in (kind, f"{kind}, augmented")
        )
        assert augmented.model == plain.model
        assert augmented.criterion == plain.criterion
        assert augmented.schedule == plain.schedule
        assert augmented.train_data["transforms"][2:] == plain.train_data["transforms"]
        groups = robustness.groups(kind)
        assert sorted(sum(groups.values(), [])) == sorted(CORRUPTIONS)
        assert set(groups["unseen"]) == {"low_light", "fog", "snow", "lens_dirt"}


def test_a_row_of_robustness_by_hand():
    def found(clean: float, values: dict[str, float]) -> dict[str, Any]:
        rows = {name: {"1": {"NDS": value}} for name, value in values.items()}
        return {"clean": {"NDS": clean, "mAP": 0.25}, "corruptions": rows}

    plain = found(0.5, dict.fromkeys(CORRUPTIONS, 0.2))
    better = dict.fromkeys(CORRUPTIONS, 0.2) | {"fog": 0.36, "camera_crash": 0.3}
    row = robustness.row("PETR, augmented", found(0.4, better), plain)
    assert row["RR"]["fog"] == pytest.approx(90)
    assert row["RR_unseen"] == pytest.approx((90 + 3 * 50) / 4)  # with dirt
    assert row["RR_seen"] == pytest.approx((75 + 4 * 50) / 5)
    assert row["mRR"] == pytest.approx((90 + 75 + 6 * 50) / 8)
    assert row["CE"]["fog"] == pytest.approx(100 * 0.64 / 0.8)
    assert row["CE_rig"] == pytest.approx(100)
    assert row["mCE"] == pytest.approx((80 + 87.5 + 600) / 8)
    means, each = robustness.tables([row]).split("\n\n")
    assert means.splitlines()[2].startswith(
        "| PETR, augmented | 0.250 | 0.400 | 58.1 | 55.0 | 60.0"
    )
    assert each.splitlines()[2].count("|") == len(CORRUPTIONS) + 2
    assert set(row["RR"]) > set(PROTOCOL)


def test_a_budget_is_steps_and_where_they_begin():
    line = in_time.with_budget(in_time.LINES["PETR"], ("model",), 12.4, Path("a.pth"))
    assert "schedule.iterations=12" in line.options
    assert {"model.init=a.pth", "optimizer.lr=0.0004"} < set(line.options)
    free = in_time.with_budget(in_time.LINES["PETR"], ("model",), 12.4, None)
    assert not any("init" in option or "lr" in option for option in free.options)
