"""Queries that know where they are, both as sines and as points."""

import math

import torch

from drivetr.nn.query_position import QueryPosition

SPAN = (-10.0, -20.0, -2.0, 30.0, 20.0, 6.0)


def test_embedded_sines_and_metres() -> None:
    torch.manual_seed(0)
    position = QueryPosition(SPAN, 8)
    place, columns = [0.25, 0.5, 0.75], []
    for axis in (1, 0, 2):  # PETR's order
        for wavelength in (1.0, 100.0):  # 10000^(2i/4)
            angle = place[axis] * 2 * math.pi / wavelength
            columns += [math.sin(angle), math.cos(angle)]
    found = position.encode_queries(torch.tensor([[place]]))
    expected = position.query_embedding(torch.tensor(columns))
    torch.testing.assert_close(found.added[0, 0], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.points, torch.tensor([[[0.0, 0.0, 4.0]]]))
