"""Building objects from nested dicts."""

import pytest
import torch
from torch import nn

from drivetr.engine.build import Builder
from drivetr.errors import DrivetrError
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.queries import GridQueries
from tests.engine.tiny import TinyBackbone, TinyDetector

SPAN = (-9.0, -9.0, -3.0, 9.0, 9.0, 3.0)


class Picky:
    def __init__(self, size: int, name: str = "x", *, parts: object = ()) -> None:
        if size < 0:
            raise ValueError("size must not be negative")
        self.size, self.name, self.parts = size, name, parts


class Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 2, 1)
        self.layer1 = nn.Linear(2, 2)

    def torchvision_key(self, key: str) -> str | None:
        return None if key.startswith(("fc.", "layer4.")) else key


def build(node: object, **options: object) -> object:
    return Builder("config.py", **options).build(node, "model")


def test_innermost_first_also_in_lists_and_plain_dicts():
    node = dict(
        type=Picky,
        size=1,
        parts=[dict(type=Picky, size=2), {"a": (dict(type=Picky, size=3),)}],
    )
    made = build(node)
    assert made.size == 1
    assert made.parts[0].size == 2
    assert made.parts[1]["a"][0].size == 3
    assert node["parts"][0] == dict(type=Picky, size=2)  # the description stays as it was


def test_modules():
    detector = build(dict(type=TinyDetector, backbone=dict(type=TinyBackbone), num_queries=5))
    assert detector.num_queries == 5
    assert isinstance(detector.backbone, TinyBackbone)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (
            dict(type=Picky, size=1, nmae="y"),
            "config.py: Picky at model has no argument 'nmae', did",
        ),
        (dict(type=Picky), "config.py: Picky at model needs 'size'"),
        (dict(type=Picky, size=-1), "config.py: model: size must not be negative"),
        (dict(type="Picky", size=1), r"model.type is 'Picky', not a class"),
        (
            dict(type=Picky, size=1, parts=[0, dict(type=Picky, sise=1)]),
            "Picky at model.parts.1 has no argument 'sise'",
        ),
    ],
)
def test_mistakes(node, said):
    with pytest.raises(DrivetrError, match=said):
        build(node)


class Fragile:
    def __init__(self, part) -> None:
        self.size = part.size


@pytest.mark.parametrize(
    "node",
    [
        dict(type=GridQueries, grid_size=-1, height=0.4, embed_dim=8),  # torch's RuntimeError
        dict(type=BoxHead, embed_dim=8, num_classes=10, num_layers=0, centre=SigmoidCentre(SPAN)),
        dict(type=ImageNormalizer, mean=(0, 0, 0), std=58.395),
        dict(type=Fragile, part="text"),  # Python's AttributeError
    ],
)
def test_numbers_that_no_part_can_be_made_of(node):
    with pytest.raises(DrivetrError, match=r"^config\.py: model: "):
        build(node)


class TestInit:
    @pytest.fixture
    def weights(self, tmp_path):
        """As torchvision publishes a ResNet: with a classifier, and stages that a trunk lacks."""
        state = {k: torch.randn_like(v) for k, v in Trunk().state_dict().items()}
        more = {"fc.weight": torch.zeros(2), "layer4.0.weight": torch.zeros(2)}
        torch.save({**state, **more}, tmp_path / "w.pth")
        return tmp_path / "w.pth", state

    def test_loads_and_reports(self, weights):
        path, state = weights
        builder = Builder("config.py", load_init=True)
        trunk = builder.build(dict(type=Trunk, init=str(path)), "model.backbone")
        torch.testing.assert_close(dict(trunk.state_dict()), state, rtol=0, atol=0)
        assert "model.backbone.init" in builder.reports[0]
        assert "fc.weight" in builder.reports[0]

    def test_none_asks_for_weights(self):
        said = r"--cfg-options model.backbone.init=PATH .*--from-scratch"
        with pytest.raises(DrivetrError, match=said):
            Builder("c.py", load_init=True).build(dict(type=Trunk, init=None), "model.backbone")

    def test_none_from_scratch_or_before_other_weights(self):
        build(dict(type=Trunk, init=None), load_init=True, from_scratch=True)
        build(dict(type=Trunk, init=None))
        build(dict(type=Trunk, init="not/there.pth"))

    def test_wrong_weights(self, weights, tmp_path):
        torch.save({"conv1.weight": torch.zeros(2, 3, 1, 1)}, tmp_path / "part.pth")
        with pytest.raises(DrivetrError, match=r"(?s)model.init=.*missing"):
            build(dict(type=Trunk, init=str(tmp_path / "part.pth")), load_init=True)
        with pytest.raises(DrivetrError, match=r"model.init=nowhere.pth"):
            build(dict(type=Trunk, init="nowhere.pth"), load_init=True)
