"""Corrupted frames: the same whatever came before, and otherwise for every camera."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivetr.data.corruptions.images import IMAGE_CORRUPTIONS, CorruptImages, RandomCorruption
from drivetr.structures.frame import Frame


def corrupted(frame: Frame, name: str = "snow", level: int = 2) -> torch.Tensor:
    return CorruptImages(name, level)(frame, torch.Generator()).images


def twins(frame: Frame) -> Frame:
    """The frame with the same picture in all cameras."""
    return replace(frame, images=frame.images[:1].expand_as(frame.images).clone())


@pytest.mark.parametrize("name", IMAGE_CORRUPTIONS)
def test_the_same_again_whatever_was_drawn_before(frame, name):
    first = corrupted(frame, name)
    torch.rand(5)
    np.random.rand(5)
    CorruptImages("snow", 3)(frame, torch.Generator().manual_seed(1))
    assert torch.equal(corrupted(frame, name), first)
    assert not torch.equal(first, frame.images)


def test_cameras_samples_and_levels_differ(frame):
    frame = twins(frame)
    images = corrupted(frame)
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(corrupted(replace(frame, token="other")), images)
    assert not torch.equal(corrupted(frame, level=3), images)


def test_dirt_stays_on_the_lens_through_a_scene(frame):
    first = corrupted(frame, "lens_dirt")
    assert torch.equal(corrupted(replace(frame, token="later"), "lens_dirt"), first)
    assert not torch.equal(corrupted(replace(frame, scene="other"), "lens_dirt"), first)


def test_absent_cameras_and_padding_stay_black(make_frame):
    frame = make_frame(sizes=((90, 160), (60, 100)))
    valid = torch.tensor([False, True])
    frame = replace(
        frame,
        images=frame.images * valid[:, None, None, None],
        cameras=replace(frame.cameras, valid=valid),
    )
    images = corrupted(frame, "brightness", 5)
    assert not images[0].any()
    assert not images[1, :, 60:].any()
    assert not images[1, :, :, 100:].any()
    assert images[1, :, :60, :100].float().mean() > frame.images[1, :, :60, :100].float().mean()


def test_nothing_but_the_images_changes(frame):
    before = frame.images.clone()
    after = CorruptImages("fog", 2)(frame, torch.Generator())
    assert torch.equal(frame.images, before)
    assert replace(after, images=frame.images) == frame


class TestRandomCorruption:
    LEVELS = {"brightness": (2, 5), "color_quant": (1,)}

    def test_as_often_as_asked(self, frame, generator):
        transform = RandomCorruption(self.LEVELS, prob=0.3)
        changed = [transform(frame, generator) is not frame for _ in range(200)]
        assert 0.2 < np.mean(changed) < 0.4

    def test_all_that_was_asked_for_and_nothing_else(self, make_frame, generator):
        frame = make_frame(sizes=((24, 32),))
        transform = RandomCorruption(self.LEVELS, prob=1.0)
        found = {transform(frame, generator).images.numpy().tobytes() for _ in range(60)}
        expected = {
            corrupted(frame, name, level).numpy().tobytes()
            for name, levels in self.LEVELS.items()
            for level in levels
        }
        assert found == expected

    def test_chance_comes_from_the_generator(self, frame):
        transform = RandomCorruption({"snow": (1, 2, 3)}, prob=1.0)
        draws = [transform(frame, torch.Generator().manual_seed(s)).images for s in (3, 3, 4)]
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    @pytest.mark.parametrize("levels", [{}, {"fogg": (1,)}, {"fog": ()}])
    def test_wrong_levels(self, levels):
        with pytest.raises(ValueError, match="expected some of motion_blur"):
            RandomCorruption(levels)
