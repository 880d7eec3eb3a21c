"""The chain from a publisher's names and shapes to drivetr's."""

import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.models.layouts import Layout, join_projections, layout_of

LAYOUT = Layout(
    name="test", sign=r"block\.", rules=((r"block\.(\d)\.", r"layers.\1."),),
    drop={"mask": "made anew"}, reshape=lambda name, t: t.T if name.endswith("kernel") else t,
)  # fmt: skip
REFUSED = Layout(name="other", sign=r"odd\.", rules=(), refusal="is odd, take an even one")


def test_names_shapes_and_what_is_left_out():
    state = {
        "block.3.kernel": torch.arange(6).reshape(2, 3), "mask": torch.zeros(1),
        "new": torch.ones(1),
    }  # fmt: skip
    translated = LAYOUT.translate(state)
    assert [*translated] == ["layers.3.kernel", "new"]
    assert torch.equal(translated["layers.3.kernel"], torch.arange(6).reshape(2, 3).T)
    assert LAYOUT.dropped(state) == {"mask": "made anew"}


def test_two_names_for_one_entry():
    with pytest.raises(DrivetrError, match=r"two entries of the file stand for 'layers\.1\.a'"):
        LAYOUT.translate({"layers.1.a": torch.zeros(1), "block.1.a": torch.zeros(1)})


def test_a_shape_that_the_layout_does_not_have():
    flat = Layout("flat", "x", (), reshape=lambda name, t: t.permute(3, 2, 0, 1))
    with pytest.raises(DrivetrError, match=r"w has shape \[2\], which it has not in .* flat"):
        flat.translate({"w": torch.zeros(2)})


def test_projections_are_stacked_where_all_are_there():
    parts = {f"x.in_proj_{p}.weight": torch.full((2, 2), i) for i, p in enumerate("qkv")}
    joined = join_projections(parts | {"x.in_proj_q.bias": torch.zeros(2)})
    assert [*joined] == ["x.in_proj_weight", "x.in_proj_q.bias"]
    assert joined["x.in_proj_weight"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("shape", [(2, 3), ()])
def test_projections_of_other_shapes_stay_apart(shape):
    parts = {f"x.in_proj_{p}.weight": torch.zeros(2, 2) for p in "qk"}
    parts["x.in_proj_v.weight"] = torch.zeros(shape)
    assert set(join_projections(parts)) == set(parts)


def test_the_sign_decides():
    state = {"block.0.a": torch.zeros(1)}
    assert layout_of(state, (REFUSED, LAYOUT), "file") is LAYOUT
    with pytest.raises(DrivetrError, match="file: is odd, take an even one"):
        layout_of({"odd.a": torch.zeros(1)}, (REFUSED, LAYOUT), "file")
    with pytest.raises(DrivetrError, match="in one of the layouts test; found none of them"):
        layout_of({"a": torch.zeros(1)}, (REFUSED, LAYOUT), "file")
