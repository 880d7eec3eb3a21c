"""Augmentation of the reference frame itself: the world is turned, scaled, shifted or mirrored."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.transforms.draws import chance, uniform
from drivetr.geometry.boxes import transform_boxes
from drivetr.geometry.rigid import rotation_about_z
from drivetr.structures.frame import Frame


class GlobalRotScaleTransFlip:
    """Describes the same moment in another reference frame `aug`; no pixel moves.

    A point goes through mirror, rotation about z, scale and shift, in this order. Boxes with sizes
    and velocities go with it, and `img_from_lidar`, `global_from_lidar` and `ego_from_lidar` take
    the inverse on their right, so each box still projects onto its pixels and still has its place
    in the world. After a mirror or scale these matrices are affine, no longer rigid.

    One draw holds for all frames of a sequence, so that between two of them the world moves as it
    did.

    Args:
        rotation_range: radians about +z, counter-clockwise seen from above.
        scale_range: factors on all lengths.
        translation_std: standard deviation of the shift along x, y and z in metres.
        mirror_x_prob: probability that x changes sign.
        mirror_y_prob: probability that y changes sign.
    """

    once_per_sequence = True

    def __init__(
        self,
        rotation_range: tuple[float, float] = (-0.3925, 0.3925),
        scale_range: tuple[float, float] = (0.95, 1.05),
        translation_std: tuple[float, float, float] = (0.0, 0.0, 0.0),
        mirror_x_prob: float = 0.0,
        mirror_y_prob: float = 0.0,
    ) -> None:
        self.rotation_range = rotation_range
        self.scale_range = scale_range
        self.translation_std = translation_std
        self.mirror_x_prob = mirror_x_prob
        self.mirror_y_prob = mirror_y_prob

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame seen from the augmented reference frame."""
        return change_reference(frame, self.draw(generator))

    def draw(self, generator: torch.Generator) -> Float[Tensor, "4 4"]:
        """One random `aug_from_lidar`, float64."""
        signs = [
            -1.0 if chance(generator, prob) else 1.0
            for prob in (self.mirror_x_prob, self.mirror_y_prob)
        ]
        angle = uniform(generator, *self.rotation_range)
        scale = uniform(generator, *self.scale_range)
        shift = torch.randn(3, generator=generator, dtype=torch.float64)
        matrix = torch.eye(4, dtype=torch.float64)
        mirror = torch.diag(matrix.new_tensor([*signs, 1.0]))
        matrix[:3, :3] = scale * rotation_about_z(matrix.new_tensor(angle)) @ mirror
        matrix[:3, 3] = shift * matrix.new_tensor(self.translation_std)
        return matrix


def change_reference(frame: Frame, aug_from_lidar: Float[Tensor, "4 4"]) -> Frame:
    """The same moment described in another reference frame.

    Args:
        frame: in its present reference frame.
        aug_from_lidar: float64, turns, mirrors, scales and shifts but keeps z upright.
    """
    lidar_from_aug = torch.linalg.inv(aug_from_lidar)
    targets = frame.targets
    if targets is not None:
        boxes = transform_boxes(aug_from_lidar, targets.boxes.double()).to(targets.boxes.dtype)
        targets = replace(targets, boxes=boxes)
    img_from_lidar = frame.cameras.img_from_lidar @ lidar_from_aug
    return replace(
        frame,
        cameras=replace(frame.cameras, img_from_lidar=img_from_lidar),
        global_from_lidar=frame.global_from_lidar @ lidar_from_aug,
        ego_from_lidar=frame.ego_from_lidar @ lidar_from_aug,
        targets=targets,
    )
