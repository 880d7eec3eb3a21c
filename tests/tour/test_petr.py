"""One query's attention over six cameras follows images, calibration and weights."""

from dataclasses import replace

import pytest
import torch

from drivetr.structures.frame import Frame
from drivetr.tour.frustum import RING
from drivetr.tour.petr import look
from drivetr.tour.small_petr import small_spec
from tests.models.samples import make_cameras, make_targets


@pytest.fixture
def model():
    torch.manual_seed(0)
    return small_spec().build_detector()[0].eval()


@pytest.fixture
def frame():
    cameras = make_cameras()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 96, 256), generator=generator, dtype=torch.uint8)
    # The reference frame is turned: its y is ahead, as in nuScenes' lidar.
    ego_from_lidar = torch.eye(4, dtype=torch.float64)
    ego_from_lidar[:2, :2] = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    return Frame(
        token="",
        scene="",
        timestamp_us=0,
        images=images,
        cameras=replace(
            cameras,
            img_from_lidar=cameras.img_from_lidar[0],
            image_size=cameras.image_size[0],
            valid=cameras.valid[0],
        ),
        camera_names=RING[::-1],
        global_from_lidar=torch.eye(4, dtype=torch.float64),
        ego_from_lidar=ego_from_lidar,
        targets=make_targets(3, reach=10.0),
    )


def test_the_attention_of_all_cameras_sums_to_one(model, frame):
    data = look(model, frame)
    assert data["weights"].shape == (6, 12, 32)
    assert float(data["weights"].sum()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(data["shares"], data["weights"].sum((1, 2)))
    assert len(data["truth"]) == 3


def test_cameras_come_in_the_order_of_the_ring(model, frame):
    turned = replace(frame, camera_names=RING)
    assert torch.equal(look(model, turned)["shares"].flip(0), look(model, frame)["shares"])


def test_places_are_told_in_the_frame_of_the_car(model, frame):
    plain = replace(frame, ego_from_lidar=torch.eye(4, dtype=torch.float64))
    x, y = look(model, plain)["start"][:2].tolist()
    assert look(model, frame)["start"][:2].tolist() == pytest.approx([y, -x])


def test_images_calibration_and_weights_change_the_data(model, frame):
    before = look(model, frame)["weights"]
    assert not torch.equal(
        look(model, replace(frame, images=255 - frame.images))["weights"], before
    )
    cameras = frame.cameras
    rolled = replace(cameras, img_from_lidar=cameras.img_from_lidar.roll(1, 0))
    assert not torch.equal(look(model, replace(frame, cameras=rolled))["weights"], before)
    with torch.no_grad():
        model.decoder.layers[-1].cross_attention.in_proj_weight[0, 0] += 1
    assert not torch.equal(look(model, frame)["weights"], before)
