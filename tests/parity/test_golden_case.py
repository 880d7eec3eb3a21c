"""The rule that weights and inputs are drawn by, against recordings that store them as well."""

from hashlib import sha256
from pathlib import Path

import pytest
import torch

from tests.parity.golden_case import GoldenCase, drawn_input, drawn_weights


def opened(golden_dir: Path, name: str) -> GoldenCase:
    if not (golden_dir / f"{name}.json").is_file():
        pytest.skip(f"{golden_dir} has no {name}")
    return GoldenCase.open(golden_dir / f"{name}.json")


STORED = ["petr_head_tiny", "resnet50_caffe_tiny", "cpfpn_tiny", "detr3d_head_tiny", "vovnet_tiny"]


@pytest.mark.parametrize("stored_case", STORED)
def test_drawn_weights_equal_stored_ones(golden_dir: Path, stored_case: str) -> None:
    case = opened(golden_dir, stored_case)
    stored = case.weights  # checks the checksum
    drawn = drawn_weights(case.meta["weights"], case.tensors)
    assert set(drawn) == set(stored)
    for key, tensor in stored.items():
        assert torch.equal(drawn[key], tensor), key


@pytest.mark.parametrize("full_case", ["cpfpn_full", "resnet50_pytorch_full"])
def test_drawn_weights_and_inputs_have_the_recorded_checksums(
    golden_dir: Path, full_case: str
) -> None:
    case = opened(golden_dir, full_case)
    assert not case.meta["weights"]["stored"]
    assert len(case.weights) == len(case.meta["weights"]["shapes"])
    for name, spec in case.meta["inputs_not_stored"].items():
        assert list(case.input(name).shape) == spec["shape"]


def test_another_number_is_noticed(golden_dir: Path) -> None:
    case = opened(golden_dir, "cpfpn_tiny")
    next(t for k, t in case.tensors.items() if k.startswith("weight/")).flatten()[0] += 1e-6
    with pytest.raises(ValueError, match="weights differ"):
        _ = case.weights


def test_kinds_of_inputs() -> None:
    image = drawn_input("img", [1, 3, 33, 20], 60.0, "image")
    assert image.shape == (1, 3, 33, 20)
    blocks = image[0, 0, :32, :16].unflatten(0, (2, 16)).flatten(1)
    assert blocks.std(1).max() < 0.5 * image.std()  # squares are coarse, the noise is a third
    smooth = drawn_input("mlvl_feats_0", [2, 3, 4, 16, 24], 1.0, "smooth")
    assert smooth.shape == (2, 3, 4, 16, 24)
    again = drawn_input("mlvl_feats_0", [2, 3, 4, 16, 24], 1.0, "smooth")
    assert sha256(smooth.numpy().tobytes()).digest() == sha256(again.numpy().tobytes()).digest()
