"""The kernel's columns against the Gaussian that they stand for."""

import math

import torch

from drivetr.nn.kernel import KERNEL_DIM, GaussianKernel

WIDTHS = (0.5, 2.0, 7.0)


def points(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(2, count, 3, generator=generator, dtype=torch.float64)


def test_dot_products_are_squared_distances_up_to_a_term_of_the_query() -> None:
    kernel = GaussianKernel(WIDTHS).double()
    queries, keys = points(4, 0), points(6, 1)
    query_columns, key_columns = kernel.query_columns(queries), kernel.key_columns(keys)
    assert query_columns.shape == (2, 3, 4, KERNEL_DIM)
    assert key_columns.shape == (2, 3, 6, KERNEL_DIM)
    found = query_columns @ key_columns.transpose(-1, -2)
    for sample in range(2):
        for head, width in enumerate(WIDTHS):
            for q, query in enumerate(queries[sample].tolist()):
                own = sum(x**2 for x in query)
                for k, key in enumerate(keys[sample].tolist()):
                    expected = (own - math.dist(query, key) ** 2) / (2 * width**2)
                    assert math.isclose(found[sample, head, q, k].item(), expected, rel_tol=1e-5)


def test_a_wider_kernel_looks_farther() -> None:
    """Finite differences of a far key's share by the logarithm of the width."""
    kernel = GaussianKernel((2.0,)).double()
    query, keys = torch.zeros(1, 1, 3).double(), torch.tensor([[[1.0, 0, 0], [0, 3.0, 0]]]).double()

    def far_share() -> torch.Tensor:
        logits = kernel.query_columns(query) @ kernel.key_columns(keys).transpose(-1, -2)
        return logits.softmax(-1)[0, 0, 0, 1]

    far_share().backward()
    step, shares = 1e-5, []
    for sign in (1, -1):
        with torch.no_grad():
            kernel.log_width += sign * step
            shares.append(far_share().item())
            kernel.log_width -= sign * step
    slope = (shares[0] - shares[1]) / (2 * step)
    assert slope > 0
    assert math.isclose(kernel.log_width.grad.item(), slope, rel_tol=1e-6)
