"""The shipped lists of published names, against the reference implementations' own."""

import json
import re
from pathlib import Path

import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.models.manifest import FOLDER, compare_with_manifest, read_manifest
from tests.parity.golden_case import GoldenCase

# Recording (without its size) -> the part that lists the same network in its published size.
PARTS = {
    "petr_head": "petr",
    "petrv2_head": "petrv2",
    "streampetr_head": "streampetr",
    "detr3d_head": "detr3d",
    "vovnet": "vovnet99",
    "resnet50_caffe": "resnet50",
    "resnet50_pytorch": "resnet50",
    "cpfpn": "cpfpn",
    "fpn": "fpn",
}
SIZES = dict.fromkeys(
    (
        "num_queries",
        "num_propagated",
        "in_channels",
        "lateral_0",
        "lateral_1",
        "lateral_2",
        "lateral_3",
    ),
    256,
)


def pattern(key: str) -> str:
    """A name without the numbers of its stages, blocks and layers."""
    return re.sub(r"\d+", "#", key)


def recorded_shapes(golden_dir: Path, case: str) -> dict[str, tuple[int, ...]]:
    shapes = GoldenCase.open(golden_dir / f"{case}.json").meta["weights"]["shapes"]
    return {key: tuple(shape) for key, shape in shapes.items()}


def open_sizes(part: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """What a part leaves open, as a recording has it."""
    listed = json.loads((FOLDER / f"{part}.json").read_text())
    return {
        name: shapes[key][dimension]
        for key, shape in listed.items()
        for dimension, name in enumerate(shape)
        if isinstance(name, str)
    }


def cases(golden_dir: Path, size: str) -> list[tuple[str, str]]:
    """Recordings of a size that are there, each with the part that lists its network."""
    named = ((f"{name}_{size}", part) for name, part in PARTS.items())
    return [(case, part) for case, part in named if (golden_dir / f"{case}.json").is_file()]


class TestAgainstRecordings:
    def test_published_sizes_are_equal(self, golden_dir):
        """Every recording of a published size that is there; further ones need no new code."""
        found = cases(golden_dir, "full")
        assert found
        for case, part in found:
            theirs = recorded_shapes(golden_dir, case)
            assert read_manifest([part], open_sizes(part, theirs)) == theirs, case

    @pytest.mark.parametrize("case", PARTS)
    def test_small_sizes_have_the_same_names_but_for_numbers(self, golden_dir, case):
        ours = read_manifest([PARTS[case]], SIZES)
        theirs = recorded_shapes(golden_dir, f"{case}_tiny")
        assert {pattern(key) for key in ours} == {pattern(key) for key in theirs}
        assert set(theirs) <= set(ours)

    @pytest.mark.parametrize("case", PARTS)
    def test_small_sizes_have_the_same_shapes_but_for_widths(self, golden_dir, case):
        ours = read_manifest([PARTS[case]], SIZES)
        for key, tiny in recorded_shapes(golden_dir, f"{case}_tiny").items():
            assert len(tiny) == len(ours[key]), key
            assert tiny[2:] == ours[key][2:], key  # the size of a kernel


def test_every_file_is_names_and_shapes():
    for path in FOLDER.glob("*.json"):
        content = json.loads(path.read_text())
        assert content
        assert list(content) == sorted(content)
        for key, shape in content.items():
            assert key.startswith(("img_backbone.", "img_neck.", "img_roi_head.", "pts_bbox_head."))
            assert all(isinstance(n, int) or n in SIZES for n in shape)


class TestRead:
    def test_parts_and_sizes_that_there_are_not(self):
        with pytest.raises(DrivetrError, match=r"no manifest part 'petr3' \(known: .*petr"):
            read_manifest(["petr3"], {})
        with pytest.raises(DrivetrError, match="part 'cpfpn' needs the size 'lateral_0'"):
            read_manifest(["cpfpn"], {})


class TestCompare:
    MANIFEST = {"a": (2, 3), "b": (), "bn.num_batches_tracked": ()}

    def test_as_published(self):
        report = compare_with_manifest(
            {"a": torch.zeros(2, 3), "b": torch.zeros(())}, self.MANIFEST
        )
        assert report.complete
        assert report.loaded == ("a", "b")
        assert report.kept == ("bn.num_batches_tracked",)

    def test_missing_unknown_and_other_shapes(self):
        report = compare_with_manifest({"a": torch.zeros(3, 2), "c": torch.zeros(1)}, self.MANIFEST)
        assert not report.complete
        assert report.missing == ("b",)
        assert report.unexpected == ("c",)
        assert report.mismatched == (("a", (3, 2), (2, 3)),)
