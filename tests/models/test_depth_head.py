"""The depth head's points and its loss's assignment, against explicit geometry."""

import torch

from drivetr.geometry.boxes import CENTER
from drivetr.geometry.camera import project_points
from drivetr.models.depth_head import DepthHead
from drivetr.models.token_criterion import TokenCriterion
from tests.models.samples import make_cameras, make_targets


def test_true_depth_and_offset_give_the_centre():
    """A token told its assigned truth answers with the object's centre in metres."""
    cameras, target = make_cameras(), make_targets(8, seed=7)
    head, criterion = DepthHead(4, 10, stride=8), TokenCriterion(stride=8)
    labels, weight, log_depth, offset = criterion.assign(
        target, cameras.img_from_lidar[0], cameras.valid[0], (12, 32)
    )
    head.trunk = torch.nn.Identity()
    head.out = torch.nn.Identity()
    truth = torch.cat([torch.zeros(6, 12, 32, 10), log_depth[..., None], offset], dim=-1).permute(
        0, 3, 1, 2
    )
    points = head(truth[None], cameras)["points"][0]
    owned = labels < 10
    assert owned.sum() > 20
    distance = torch.cdist(points[owned], target.boxes[:, CENTER]).min(1)
    assert distance.values.max() < 1e-2
    assert (target.labels[distance.indices] == labels[owned]).all()
    # Every object seen by a camera weighs one there.
    uv, depth = project_points(cameras.img_from_lidar[0].float(), target.boxes[:, CENTER])
    inside = (uv > 0).all(-1) & (uv[..., 0] < 256) & (uv[..., 1] < 96) & (depth > 0.5)
    assert weight.sum() <= inside.sum() + len(target)


def test_nearest_object_owns_a_token():
    cameras, target = make_cameras(num_cameras=1), make_targets(2)
    target.boxes[:, CENTER] = torch.tensor([[0.0, 20.0, 0.0], [0.0, 8.0, 0.0]])
    target.labels[:] = torch.tensor([3, 4])
    labels, *_ = TokenCriterion(stride=8).assign(
        target, cameras.img_from_lidar[0], cameras.valid[0], (12, 32)
    )
    assert labels[0, 5:7, 15:17].unique().tolist() == [4]


def test_absent_camera_and_empty_frame_have_no_owner():
    cameras = make_cameras()
    criterion = TokenCriterion(stride=8)
    nothing = torch.zeros(6, dtype=torch.bool)
    for target, valid in ((make_targets(5), nothing), (make_targets(0), ~nothing)):
        labels, weight, *_ = criterion.assign(target, cameras.img_from_lidar[0], valid, (12, 32))
        assert (labels == 10).all()
        assert (weight == 0).all()
