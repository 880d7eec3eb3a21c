import pytest
import torch
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.weights import MisfitError, load_weights


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {k: torch.rand(v.shape).to(v.dtype) for k, v in net().state_dict().items()}


class TestLoadWeights:
    def test_loads_everything(self) -> None:
        module = net()
        report = load_weights(module, weights())
        assert report.complete
        assert len(report.loaded) == len(weights())
        assert all(torch.equal(v, weights()[k]) for k, v in module.state_dict().items())

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (lambda w: w.pop("0.bias"), "missing"),
            (lambda w: w.update({"0.gain": torch.zeros(1)}), "unexpected"),
            (lambda w: w.update({"0.bias": torch.zeros(4)}), "wrong shape"),
            (lambda w: w.update({"0.bias": torch.zeros(3, dtype=torch.int8)}), "wrong type"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_changes(self, change, field: str) -> None:
        module, given = net(), weights()
        before = {k: v.clone() for k, v in module.state_dict().items()}
        change(given)
        with pytest.raises(DrivetrError, match=rf"{field}\s+1  0\.(bias|gain)"):
            load_weights(module, given)
        assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())

    def test_key_map_renames_and_drops(self) -> None:
        given = {f"body.{k}": v for k, v in weights().items()} | {"fc.weight": torch.zeros(9)}
        report = load_weights(
            net(), given, lambda k: None if k.startswith("fc.") else k.removeprefix("body.")
        )
        assert report.ignored == {"fc.weight": "no part of Sequential"}
        assert "ignored          1  fc.weight (no part of Sequential)" in str(report)

    def test_what_was_left_out_before_is_in_the_report(self) -> None:
        report = load_weights(net(), weights(), left_out={"mask": "made anew"})
        assert report.complete
        assert "ignored          1  mask (made anew)" in str(report)

    def test_two_tensors_for_one_parameter_conflict(self) -> None:
        given = weights() | {"x.0.bias": torch.zeros(3)}
        with pytest.raises(DrivetrError, match=r"conflicting\s+1  0\.bias"):
            load_weights(net(), given, lambda k: k.removeprefix("x."))

    def test_shared_parameters_must_agree(self) -> None:
        shared = nn.Linear(2, 2)
        module = nn.ModuleList([shared, shared])
        given = {k: torch.ones(v.shape) for k, v in module.state_dict().items()}
        assert load_weights(module, given).complete
        with pytest.raises(DrivetrError, match=r"conflicting\s+1  1\.bias"):
            load_weights(module, given | {"1.bias": torch.zeros(2)})

    def test_allowed_to_be_missing(self) -> None:
        module, given = net(), weights()
        del given["0.bias"], given["1.num_batches_tracked"]
        report = load_weights(module, given, allow_missing=("0.",))
        assert report.kept == ("0.bias", "1.num_batches_tracked")

    def test_heads_of_other_classes_start_afresh_on_request(self) -> None:
        """What reads the outputs of an inner layer does not fit either, and is refused."""
        module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
        given = {"0.weight": torch.ones(3, 2), "0.bias": torch.ones(3)}
        given |= {"1.weight": torch.ones(9, 3), "1.bias": torch.ones(9)}
        before = module[1].weight.clone()
        with pytest.raises(MisfitError, match=r"wrong shape\s+2  1\.weight") as caught:
            load_weights(module, given)
        assert caught.value.only_outputs
        report = load_weights(module, given, allow_other_outputs=True)
        assert report.other_outputs == (("1.weight", (9, 3), (4, 3)), ("1.bias", (9,), (4,)))
        assert "fresh            2  1.weight [9, 3], expected [4, 3], 1.bias" in str(report)
        assert torch.equal(module[0].weight, torch.ones(3, 2))
        assert torch.equal(module[1].weight, before)

        wide = {"0.weight": torch.ones(5, 2), "0.bias": torch.ones(5)}
        wide |= {"1.weight": torch.ones(4, 5), "1.bias": torch.ones(4)}
        with pytest.raises(MisfitError, match=r"wrong shape\s+1  1\.weight") as caught:
            load_weights(module, wide, allow_other_outputs=True)
        assert not caught.value.only_outputs

    def test_half_precision_weights_are_widened(self) -> None:
        module = net()
        load_weights(module, {k: v.half() if v.dim() else v for k, v in weights().items()})
        assert module[0].weight.dtype == torch.float32

    def test_all_that_is_wrong_is_listed_and_of_the_rest_the_first(self) -> None:
        extra = [f"extra.{i}" for i in range(30)]
        given = weights() | {name: torch.zeros(1) for name in extra}
        left_out = {f"left.{i}": "a reason" for i in range(30)}
        with pytest.raises(DrivetrError, match=r"unexpected\s+30\n") as caught:
            load_weights(net(), given, left_out=left_out)
        lines = str(caught.value).splitlines()
        assert [line.strip() for line in lines[-30:]] == extra
        assert any("left.7 … and 22 more (a reason)" in line for line in lines)
