import math

import pytest
import torch

from drivetr.geometry.box_codes import BOX_CODES, boxes_from_code, code_from_boxes
from drivetr.geometry.boxes import make_boxes

F64 = torch.float64
every_code = pytest.mark.parametrize("code", BOX_CODES.values(), ids=lambda code: code.name)


def random_boxes(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    draw = torch.rand(count, 9, generator=generator, dtype=F64)
    return make_boxes(60 * draw[:, :3], 0.2 + 9 * draw[:, 3:6], 7 * draw[:, 6], draw[:, 7:])


@every_code
class TestEveryCode:
    def test_is_a_permutation(self, code):
        assert sorted(code.columns) == list(range(10))
        assert set(code.yaw_signs) <= {1, -1}

    def test_there_and_back(self, code):
        boxes = random_boxes(20)
        torch.testing.assert_close(boxes_from_code(code_from_boxes(boxes, code), code), boxes)

    def test_back_and_there(self, code):
        raw = torch.randn(2, 3, 10, dtype=F64)
        torch.testing.assert_close(code_from_boxes(boxes_from_code(raw, code), code), raw)

    def test_center_columns_hold_the_center(self, code):
        boxes = random_boxes(3)
        raw = code_from_boxes(boxes, code)
        torch.testing.assert_close(raw[:, list(code.columns[:3])], boxes[:, :3])

    def test_empty(self, code):
        assert boxes_from_code(torch.zeros(0, 10), code).shape == (0, 10)
        assert code_from_boxes(torch.zeros(0, 10), code).shape == (0, 10)

    def test_gradient(self, code):
        raw = torch.randn(2, 10, dtype=F64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda r: boxes_from_code(r, code), raw)
        boxes = random_boxes(2).requires_grad_()
        assert torch.autograd.gradcheck(lambda b: code_from_boxes(b, code), boxes)


def test_petr_is_the_published_formula():
    """PETR's normalize_bbox of a box before mmdetection3d 1.0, written out."""
    x, y, z, length, width, height, yaw, vx, vy = 1.0, 2.0, 3.0, 4.0, 2.0, 1.5, 0.7, 5.0, 6.0
    old = -yaw - math.pi / 2
    sizes = math.log(width), math.log(length), math.log(height)
    expected = [x, y, sizes[0], sizes[1], z, sizes[2], math.sin(old), math.cos(old), vx, vy]
    row = torch.tensor([[x, y, z, length, width, height, yaw, vx, vy]], dtype=F64)
    boxes = make_boxes(row[:, :3], row[:, 3:6], row[:, 6], row[:, 7:])
    torch.testing.assert_close(
        code_from_boxes(boxes, BOX_CODES["petr"]), torch.tensor([expected], dtype=F64)
    )
