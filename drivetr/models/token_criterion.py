"""The loss of the depth head: tokens on an object's image learn its class, depth and centre."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects
from torchvision.ops import sigmoid_focal_loss

from drivetr.geometry.boxes import CENTER, box_corners
from drivetr.geometry.camera import focal_lengths_px, project_points
from drivetr.geometry.frustum import cell_pixels
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Targets

_MIN_DEPTH = 0.3  # metres; corners nearer than this do not bound an object's image


class TokenCriterion:
    """Focal loss of the heat map, L1 loss of log depth and of the offset to the centre.

    On objects the heat map's classes also compete in a cross-entropy, from which they learn faster
    than from focal loss, whose first steps are spent on background.

    A token belongs to the nearest object whose projected box, shrunk, covers the token's centre; an
    object too small to cover any gets the token that its centre falls into. Every object in every
    camera weighs the same, however many tokens show it. Images of the past teach nothing: the truth
    says where objects are now.

    Args:
        stride: pixels a feature cell.
        num_classes: K.
        depth_weight: of the depth loss; heat map and offset weigh 1 and 1/4.
        shrink: share of the projected box that counts, in either direction.
    """

    def __init__(
        self, stride: int, num_classes: int = 10, depth_weight: float = 1.0, shrink: float = 0.8
    ) -> None:
        self.stride = stride
        self.num_classes = num_classes
        self.depth_weight = depth_weight
        self.shrink = shrink

    def __call__(
        self,
        tokens: dict[str, Tensor],
        targets: list[Targets],
        cameras: Cameras,
        mean_over_ranks: Callable[[Tensor], Tensor],
    ) -> dict[str, Tensor]:
        """`loss_heat`, `loss_kind`, `loss_depth` and `loss_offset` over all samples and cameras."""
        feature_size = (tokens["log_depth"].shape[-2], tokens["log_depth"].shape[-1])
        present = cameras.present
        truth = [
            self.assign(target, cameras.img_from_lidar[i], present[i], feature_size)
            for i, target in enumerate(targets)
        ]
        labels, weight, log_depth, offset = (torch.stack(part) for part in zip(*truth, strict=True))
        count = mean_over_ranks(weight.sum()).clamp(min=1)
        classes = torch.arange(self.num_classes, device=labels.device)
        heat = sigmoid_focal_loss(
            tokens["heat_logits"], (labels[..., None] == classes).float(), reduction="none"
        ).sum(-1)
        owned = labels < self.num_classes
        kind = F.cross_entropy(tokens["heat_logits"][owned], labels[owned], reduction="none")
        # Background tokens weigh one each, as the many of a dense detector do.
        heat = heat * torch.where(owned, weight * 4, 1.0)
        heat = heat * present[..., None, None]
        depth = F.l1_loss(tokens["log_depth"], log_depth, reduction="none") * weight
        shift = F.smooth_l1_loss(tokens["offset"], offset, reduction="none").sum(-1) * weight
        return {
            "loss_heat": heat.sum() / count,
            "loss_kind": (kind * weight[owned]).sum() / count,
            "loss_depth": self.depth_weight * depth.sum() / count,
            "loss_offset": 0.25 * shift.sum() / count,
        }

    def assign(
        self,
        target: Targets,
        img_from_lidar: Float[Tensor, "N 4 4"],
        valid: Bool[Tensor, "N"],
        feature_size: tuple[int, int],
    ) -> tuple[
        Int[Tensor, "N H W"],
        Float[Tensor, "N H W"],
        Float[Tensor, "N H W"],
        Float[Tensor, "N H W 2"],
    ]:
        """Label (K: background), weight, log depth over focal length and offset of every token."""
        rows, columns = feature_size
        size = (rows * self.stride, columns * self.stride)
        cells = cell_pixels(feature_size, size, offset=0.5).to(target.boxes).flatten(0, 1)  # HW 2
        projection = img_from_lidar.to(target.boxes)
        centre, depth = project_points(projection, target.boxes[:, CENTER])  # N G 2, N G
        low, high = self._image_boxes(projection, target)
        covers = ((cells >= low[:, :, None]) & (cells <= high[:, :, None])).all(-1)  # N G HW
        nearest_cell = (cells - centre[:, :, None]).abs().amax(-1) <= self.stride / 2
        covers = torch.where(covers.any(-1, keepdim=True), covers, nearest_cell)
        seen = (depth > _MIN_DEPTH) & valid[:, None]
        covers = covers & seen[..., None]

        if len(target) == 0:
            shape = (len(projection), rows, columns)
            zeros = cells.new_zeros(shape)
            background = torch.full(shape, self.num_classes, device=cells.device)
            return background, zeros, zeros, cells.new_zeros(*shape, 2)
        owner_depth, owner = torch.where(covers, depth[..., None], torch.inf).min(dim=1)  # N HW
        owned = owner_depth.isfinite()
        one_hot = F.one_hot(owner, len(target)) * owned[..., None]  # N HW G
        share = one_hot / one_hot.sum(1, keepdim=True).clamp(min=1)
        focal = focal_lengths_px(projection)[:, 1:]
        labels = torch.where(owned, target.labels[owner], self.num_classes)
        log_depth = torch.where(owned, (owner_depth / focal).log(), 0.0)
        own_centre = centre.gather(1, owner[..., None].expand(-1, -1, 2))
        offset = torch.where(owned[..., None], (own_centre - cells) / self.stride, 0.0)
        parts = (labels, share.sum(-1), log_depth, offset)
        labels, weight, log_depth, offset = (p.unflatten(1, feature_size) for p in parts)
        return labels, weight, log_depth, offset

    def _image_boxes(
        self, img_from_lidar: Float[Tensor, "N 4 4"], target: Targets
    ) -> tuple[Float[Tensor, "N G 2"], Float[Tensor, "N G 2"]]:
        """Shrunk image rectangles around the corners that lie in front of each camera."""
        corners = box_corners(target.boxes).flatten(0, 1)
        uv, depth = project_points(img_from_lidar, corners)
        uv, depth = uv.unflatten(1, (-1, 8)), depth.unflatten(1, (-1, 8))
        front = (depth > _MIN_DEPTH)[..., None]
        low = torch.where(front, uv, torch.inf).amin(2)
        high = torch.where(front, uv, -torch.inf).amax(2)
        middle, half = (low + high) / 2, (high - low) / 2 * self.shrink
        return middle - half, middle + half
