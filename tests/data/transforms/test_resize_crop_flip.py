"""ResizeCropFlip: numbers of the published recipe, pixels that go where the matrices say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.data.transforms.resize_crop_flip import ImageDraw, ResizeCropFlip
from drivetr.geometry.camera import project_points

DRAWS = {
    "evaluation": ImageDraw(),
    "zoomed in": ImageDraw(zoom=1.3, shift=0.9),
    "zoomed out": ImageDraw(zoom=0.7, shift=0.2),
    "flipped": ImageDraw(zoom=1.1, flip=True),
    "rotated": ImageDraw(zoom=1.05, angle=0.2),
    "all": ImageDraw(zoom=1.2, bottom=0.1, shift=0.3, flip=True, angle=-0.35),
}


def map_of(before, after, camera):
    """The 3x3 map of pixels that two frames' matrices imply."""
    matrix = after.cameras.img_from_lidar[camera] @ before.cameras.lidar_from_img[camera]
    return matrix[:3, :3]


def dots(height, width, uv):
    """A grey image with a soft white dot at each place."""
    v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    image = torch.full((height, width), 20.0)
    for du, dv in uv:
        image += 230 * torch.exp(-((u - du) ** 2 + (v - dv) ** 2) / (2 * 5.0**2))
    return image.round().clamp(0, 255).to(torch.uint8).expand(3, -1, -1)


class TestEvaluation:
    def test_published_numbers(self, make_frame, generator):
        frame = make_frame(sizes=[(900, 1600)], num_boxes=0)
        after = ResizeCropFlip((256, 704))(frame, generator)
        expected = torch.tensor([[0.44, 0, 0], [0, 0.44, -140], [0, 0, 1]], dtype=torch.float64)
        torch.testing.assert_close(map_of(frame, after, 0), expected, atol=1e-9, rtol=0)
        assert after.images.shape == (1, 3, 256, 704)
        assert after.cameras.pad_size == (256, 704)

    def test_rounding_of_the_resized_size_is_in_the_matrix(self, make_frame, generator):
        frame = make_frame(sizes=[(91, 163)], num_boxes=0)
        after = ResizeCropFlip((40, 100))(frame, generator)  # scale 100 / 163: 55.83 -> 56 rows
        matrix = map_of(frame, after, 0)
        assert matrix[0, 0].item() == pytest.approx(100 / 163, abs=1e-12)
        assert matrix[1, 1].item() == pytest.approx(56 / 91, abs=1e-12)
        assert matrix[1, 2].item() == pytest.approx(-16, abs=1e-9)

    def test_every_generator_gives_the_same_frame(self, frame):
        results = [
            ResizeCropFlip((40, 100))(frame, torch.Generator().manual_seed(s)).images
            for s in (1, 2)
        ]
        assert torch.equal(*results)

    def test_pixels_equal_pillow_bicubic(self, make_frame, generator):
        frame = make_frame(sizes=[(90, 160)], num_boxes=0)
        after = ResizeCropFlip((30, 80))(frame, generator)
        pillow = Image.fromarray(frame.images[0].permute(1, 2, 0).numpy())
        expected = np.asarray(pillow.resize((80, 45), Image.Resampling.BICUBIC))[15:]
        found = after.images[0].permute(1, 2, 0).numpy()
        assert np.abs(found.astype(int) - expected).max() <= 1

    def test_no_resize_no_crop_changes_nothing(self, frame, generator):
        after = ResizeCropFlip((90, 160))(frame, generator)
        assert torch.equal(after.images, frame.images)
        assert torch.equal(after.cameras.img_from_lidar, frame.cameras.img_from_lidar)


class TestDraw:
    def test_published_range(self, generator):
        transform = ResizeCropFlip((256, 704), zoom_range=(0.38 / 0.44, 0.55 / 0.44), flip_prob=0.5)
        draws = [transform.draw(generator) for _ in range(500)]
        scales = [0.44 * d.zoom for d in draws]
        assert 0.38 <= min(scales) < 0.39
        assert 0.54 < max(scales) < 0.55
        assert 200 < sum(d.flip for d in draws) < 300
        assert {d.shift for d in draws} == {0.5}
        assert {d.angle for d in draws} == {0.0}

    def test_one_draw_for_all_cameras(self, frame, generator):
        transform = ResizeCropFlip((40, 100), (0.8, 1.4), (0, 0.2), True, 0.5, (-20, 20))
        after = transform(frame, generator)
        maps = torch.stack([map_of(frame, after, n) for n in range(6)])
        torch.testing.assert_close(maps, maps[:1].expand(6, -1, -1), atol=1e-9, rtol=1e-9)

    def test_equal_generators_equal_frames(self, frame):
        transform = ResizeCropFlip((40, 100), (0.8, 1.4), (0, 0.2), True, 0.5, (-20, 20))
        results = [transform(frame, torch.Generator().manual_seed(7)) for _ in range(2)]
        assert torch.equal(results[0].images, results[1].images)
        assert torch.equal(results[0].cameras.img_from_lidar, results[1].cameras.img_from_lidar)


class TestPixels:
    @pytest.mark.parametrize("name", DRAWS)
    def test_dots_move_as_the_matrices_say(self, make_frame, name):
        """The pattern is drawn, moved, and each dot is found by its centre of mass."""
        places = [(300.0, 250.0), (520.0, 330.0), (400.0, 420.0), (620.0, 470.0)]
        frame = make_frame(sizes=[(540, 960)], num_boxes=0)
        frame = replace(frame, images=dots(540, 960, places)[None])
        after = ResizeCropFlip((300, 620)).apply(frame, DRAWS[name])
        uv1 = torch.tensor([(u, v, 1) for u, v in places], dtype=torch.float64)
        expected = (uv1 @ map_of(frame, after, 0).T)[:, :2]
        found = 0
        for u, v in expected.tolist():
            if not (15 < u < 605 and 15 < v < 285):
                continue
            row, column = int(v) - 12, int(u) - 12
            window = after.images[0, 0, row : row + 25, column : column + 25].double() - 20
            window = window.clamp(min=10) - 10
            rows, columns = torch.meshgrid(torch.arange(25), torch.arange(25), indexing="ij")
            center_u = (window * (columns + 0.5)).sum() / window.sum() + column
            center_v = (window * (rows + 0.5)).sum() / window.sum() + row
            assert abs(center_u - u) < 0.25
            assert abs(center_v - v) < 0.25
            found += 1
        assert found >= 2

    def test_beyond_the_image_is_black(self, make_frame):
        frame = make_frame(sizes=[(90, 160)], num_boxes=0)
        frame = replace(frame, images=torch.full_like(frame.images, 255))
        after = ResizeCropFlip((80, 160)).apply(frame, ImageDraw(zoom=0.5, shift=0.0))
        covered = after.images[0, 0] > 0
        assert covered[-45:, :80].all()
        assert covered.sum() == 45 * 80


class TestRigs:
    def test_cameras_of_different_sizes_meet_at_one(self, make_frame, generator):
        frame = make_frame(sizes=[(90, 160), (120, 160), (64, 100)])
        after = ResizeCropFlip((48, 96))(frame, generator)
        assert after.images.shape == (3, 3, 48, 96)
        assert after.cameras.image_size.tolist() == [[48, 96]] * 3
        assert (after.images.flatten(2).amax(-1) > 0).all()
        point = frame.cameras.lidar_from_img[1] @ torch.tensor(
            [80 * 9.0, 60 * 9.0, 9.0, 1.0], dtype=torch.float64
        )
        uv, _ = project_points(after.cameras.img_from_lidar[1], point[None, :3])
        assert uv[0].tolist() == pytest.approx([80 * 0.6, 60 * 0.6 - 24], abs=1e-6)

    def test_an_invalid_camera_stays_black(self, frame, generator):
        valid = torch.tensor([True, False, True, True, True, True])
        broken = replace(frame, cameras=replace(frame.cameras, valid=valid))
        after = ResizeCropFlip((40, 100))(broken, generator)
        assert not after.images[1].any()
        assert after.images[0].any()
        assert torch.isfinite(after.cameras.lidar_from_img).all()

    def test_matrices_are_float64(self, frame, generator):
        after = ResizeCropFlip((40, 100))(frame, generator)
        assert after.cameras.img_from_lidar.dtype == torch.float64

    def test_the_frame_given_is_not_changed(self, frame, generator):
        images, matrices = frame.images.clone(), frame.cameras.img_from_lidar.clone()
        ResizeCropFlip((90, 160), flip_prob=1.0)(frame, generator)
        assert torch.equal(frame.images, images)
        assert torch.equal(frame.cameras.img_from_lidar, matrices)
