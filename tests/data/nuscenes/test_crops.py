"""Crops of a small synthetic world against its tables, read by the devkit, and its pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from nuscenes import NuScenes
from nuscenes.utils.geometry_utils import view_points

from drivetr.data.captions import CAPTIONS, caption, class_prompts
from drivetr.data.clip_images import normalised, square_window
from drivetr.data.decode import decode_image_file
from drivetr.data.nuscenes.crops import CaptionedCrops, CropRule, ObjectCrops, PromptedCrops
from drivetr.data.nuscenes.objects import colours_of
from drivetr.data.sampler import DrawKey
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset
from drivetr.data.tokenizer import Tokenizer
from drivetr.errors import DrivetrError

VERSION = "v1.0-synth"
RULE = CropRule(size=32, min_side=10.0, min_visibility=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("crops") / "world"
    recipe = Recipe(nuscenes_rig(64, 160), 2, 1, 1, 5, 24.0, 3.0, False)
    assert write_dataset(recipe, out, workers=1)
    return out


@pytest.fixture(scope="module")
def captioned(root) -> CaptionedCrops:
    return CaptionedCrops((root, VERSION), "synth_train", RULE, context_length=20)


class TestObjects:
    def test_bounds_hold_the_projected_corners(self, root, captioned):
        """The devkit's corners, where the whole box is in the picture."""
        devkit = NuScenes(VERSION, str(root), verbose=False)
        whole = 0
        for seen in captioned.crops.objects:
            sample = devkit.get(
                "sample", devkit.get("sample_annotation", seen.token)["sample_token"]
            )
            data = sample["data"][seen.camera.channel]
            _, boxes, intrinsic = devkit.get_sample_data(data, selected_anntokens=[seen.token])
            corners = boxes[0].corners()
            uv = view_points(corners, intrinsic, normalize=True)[:2]
            size = np.array([[seen.camera.width], [seen.camera.height]])
            if (corners[2] < 0.1).any() or (uv < 0).any() or (uv > size).any():
                continue
            expected = [*uv.min(axis=1), *uv.max(axis=1)]
            assert seen.bounds == pytest.approx(expected, abs=1e-6)
            whole += 1
        assert whole > 5

    def test_rule(self, root, captioned):
        assert all(
            max(o.bounds[2] - o.bounds[0], o.bounds[3] - o.bounds[1]) >= RULE.min_side
            for o in captioned.crops.objects
        )
        everything = ObjectCrops((root, VERSION), "synth_train", CropRule(32, 0.1, 0.0, 0))
        table = json.loads((root / VERSION / "sample_annotation.json").read_text())
        tokens = {seen.token for seen in everything.objects}
        assert len(captioned) < len(tokens) < len(table)  # the other scene is another split's
        visibility = {row["token"]: int(row["visibility_token"]) for row in table}
        assert min(visibility[o.token] for o in captioned.crops.objects) >= RULE.min_visibility

    def test_facts(self, root, captioned):
        scene = json.loads((root / VERSION / "scene.json").read_text())[0]
        assert scene["description"].startswith("Day")
        assert {o.facts.weather for o in captioned.crops.objects} == {"by day"}
        colours = colours_of(captioned.crops.index)
        assert set(colours) == {
            row["token"] for row in json.loads((root / VERSION / "instance.json").read_text())
        }
        assert {o.facts.colour for o in captioned.crops.objects} <= set(colours.values())

    def test_nothing_is_large_enough(self, root):
        with pytest.raises(DrivetrError, match="has no object"):
            ObjectCrops((root, VERSION), "synth_val", CropRule(min_side=999.0))


class TestPictures:
    def test_window_is_the_part_of_the_image(self):
        image = torch.arange(3 * 20 * 30, dtype=torch.int64).remainder(251).byte().view(3, 20, 30)
        got = square_window(image, (4, 5, 12, 9), size=8)
        assert torch.equal(got, image[:, 3:11, 4:12])

    def test_black_past_the_border(self):
        image = torch.full((3, 10, 10), 255, dtype=torch.uint8)
        window = square_window(image, (0, 0, 10, 2), size=10)
        assert window[:, :4].max() == 0
        assert window[:, 4:].min() == 255

    def test_normalised_as_open_clip(self):
        constants = pytest.importorskip("open_clip.constants")
        white = normalised(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).flatten()
        mean, std = (
            torch.tensor(getattr(constants, f"OPENAI_DATASET_{n}")) for n in ("MEAN", "STD")
        )
        torch.testing.assert_close(white, (1 - mean) / std)


class TestCaptioned:
    def test_caption_is_true(self, captioned):
        for i in (0, len(captioned) - 1):
            sample, facts = captioned[i], captioned.crops.objects[i].facts
            assert sample.caption in {caption(facts, template) for template in CAPTIONS}
            assert torch.equal(sample.tokens, Tokenizer(context_length=20)([sample.caption])[0])
            assert captioned.classes[sample.label] == facts.name

    def test_all_chance_is_the_keys(self, captioned):
        first, again, other = (captioned[DrawKey(0, seed)] for seed in (1, 1, 2))
        assert torch.equal(first.image, again.image)
        assert first.caption == again.caption
        assert not torch.equal(first.image, other.image)

    def test_batch(self, captioned):
        samples = [captioned[i] for i in range(3)]
        batch = captioned.collate(samples)
        assert [tuple(x.shape) for x in batch.inputs] == [(3, 3, 32, 32), (3, 20)]
        assert [tuple(x.shape) for x in batch.truth] == [(3, 5), (3, 5)]
        assert ((batch.told == 0) | (batch.told == batch.facts)).all()
        assert batch.names == [sample.name for sample in samples]
        assert batch.targets == [sample.label for sample in samples]
        assert batch.samples[0].image.numel() == 0
        torch.testing.assert_close(
            batch.images, normalised(torch.stack([s.image for s in samples]))
        )


class TestPrompted:
    def test_batch_brings_the_prompts(self, root):
        dataset = PromptedCrops((root, VERSION), "synth_val", RULE, context_length=20)
        batch = dataset.collate([dataset[0], dataset[1]])
        expected = Tokenizer(context_length=20)(class_prompts(dataset.classes))
        assert torch.equal(batch.to("cpu").tokens, expected)
        seen = dataset.crops.objects[0]
        image = decode_image_file(root / seen.camera.filename)
        assert torch.equal(dataset[0].image, square_window(image, seen.bounds, 32, RULE.margin))
