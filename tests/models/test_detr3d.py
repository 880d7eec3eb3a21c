"""DETR3D's own part: where its queries start, and that it learns."""

import torch
from torch.optim import AdamW

from drivetr.models.criterion import SetCriterion
from drivetr.models.denoising import NoisedQueries
from drivetr.models.matcher import HungarianMatcher
from tests.models.samples import make_cameras, make_targets
from tests.models.test_multi_view import SPAN, build_detr3d

LOW, HIGH = torch.tensor(SPAN[:3]), torch.tensor(SPAN[3:])


def noised_at(reference: torch.Tensor) -> NoisedQueries:
    batch, count = reference.shape[:2]
    labels = torch.zeros(batch, count, dtype=torch.long)
    return NoisedQueries(reference, labels, torch.zeros(batch, count, 10), labels == 0, count, 0.2)


def test_queries_start_where_their_positions_say():
    model = build_detr3d(6)
    start = model.start(2)
    position, content = model.query_embedding.weight.split(32, dim=1)
    expected = 1 / (1 + (-model.reference_points(position)).exp())
    torch.testing.assert_close(start.reference, expected.expand(2, -1, -1))
    assert torch.equal(start.content, content.expand(2, -1, -1))
    told = start.encode(start.reference)
    assert torch.equal(told.added, position.expand(2, -1, -1))
    torch.testing.assert_close(told.points, LOW + start.reference * (HIGH - LOW))


def test_a_noised_query_takes_after_its_neighbour():
    model = build_detr3d(6)
    own = model.start(2)
    numbers = torch.tensor([[3, 7, 7], [0, 15, 4]])
    beside = own.reference.gather(1, numbers[..., None].expand(-1, -1, 3)).detach() + 1e-4
    start = model.start(2, noised_at(beside))
    assert torch.equal(start.reference[:, :3], beside)
    assert torch.equal(start.reference[:, 3:], own.reference)
    assert torch.equal(start.content[:, :3], own.content[0][numbers])
    positions = model.query_embedding.weight[:, :32]
    assert torch.equal(start.encode(start.reference).added[:, :3], positions[numbers])


def test_it_learns_where_things_are():
    """Two frames by heart: the loss falls to a fraction, the boxes come to their objects."""
    model = build_detr3d(6).train()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 6, 3, 64, 128), generator=generator, dtype=torch.uint8)
    cameras, targets = make_cameras(2, size=(64, 128)), [make_targets(3), make_targets(3, seed=1)]
    criterion = SetCriterion(HungarianMatcher())
    optimizer = AdamW(model.parameters(), 2e-3)
    totals = []
    for _ in range(40):
        outputs, _ = model(images, cameras)
        total = sum(criterion(outputs, targets, cameras).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.4 * totals[0]
    for boxes, truth in zip(outputs["pred_boxes"].detach(), targets, strict=True):
        assert torch.cdist(truth.boxes[:, :2], boxes[:, :2]).amin(1).mean() < 2
