"""The convention is put into the description of a head, wherever it is, and has to be named."""

import pytest

from drivetr.engine.box_conventions import CONVENTIONS, check_convention, with_convention
from drivetr.errors import DrivetrError
from drivetr.geometry.box_codes import BOX_CODES


def test_every_convention_is_a_code():
    assert set(CONVENTIONS) < set(BOX_CODES)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: {"detector": m}, lambda m: {"x": [m]}])
def test_heads_at_any_depth(wrap):
    model = wrap({"head": {"type": object, "code": "petr"}, "other": {"code": 7}})
    expected = wrap({"head": {"type": object, "code": "streampetr"}, "other": {"code": 7}})
    assert with_convention(model, "streampetr", "file") == expected
    assert model != expected  # the config stays as it was


def test_a_model_without_boxes():
    with pytest.raises(DrivetrError, match="file: no part of its model has a box code"):
        with_convention({"head": {"code": "morse"}}, "petr", "file")


def test_names():
    assert check_convention("petr", ("petr", "mmdet3d_petr"), "m") == "petr"
    with pytest.raises(DrivetrError, match="Where does yours come from"):
        check_convention(None, ("petr",), "m")
    with pytest.raises(DrivetrError, match="morse: unknown"):
        check_convention("morse", ("petr",), "m")
    with pytest.raises(DrivetrError, match="m was published as petr: .*--config FILE"):
        check_convention("streampetr", ("petr",), "m")
