"""Where queries start, and what they know, from the definitions."""

import math

import torch

from drivetr.nn.queries import GridQueries, LearnedQueries


def test_learned_queries_start_in_the_range_and_learn_where() -> None:
    torch.manual_seed(0)
    queries = LearnedQueries(50, 8)
    reference = queries.reference()
    assert reference.shape == (50, 3)
    assert ((reference >= 0) & (reference < 1)).all()
    content = queries.content(reference.expand(2, -1, -1))
    assert torch.equal(content, torch.zeros(2, 50, 8))
    reference.sum().backward()
    assert torch.equal(queries.reference_points.weight.grad, torch.ones(50, 3))


def test_grid_queries_stand_in_the_middle_of_equal_cells() -> None:
    found = GridQueries(4, 0.3, 8).reference()
    expected = [[(i + 0.5) / 4, (j + 0.5) / 4, 0.3] for i in range(4) for j in range(4)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_grid_content_embeds_the_sines_of_the_place() -> None:
    torch.manual_seed(0)
    queries = GridQueries(2, 0.3, 8, num_frequencies=3)
    place = [0.1, 0.6, 0.3]
    angles = [x * math.pi * 2**octave for x in place for octave in range(3)]
    features = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    expected = queries.embed(torch.tensor(features))
    torch.testing.assert_close(queries.content(torch.tensor([[place]]))[0, 0], expected)


def test_fixed_points_are_no_part_of_the_weights() -> None:
    assert {name.split(".")[0] for name in GridQueries(2, 0.3, 8).state_dict()} == {"embed"}
