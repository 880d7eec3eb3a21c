"""Stacks of linear layers."""

from torch import Tensor, nn


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of the given widths with ReLU between them."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def normed_mlp(*widths: int) -> nn.Sequential:
    """As `mlp`, with a layer norm before every ReLU."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 2):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.LayerNorm(widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


class Nothing(nn.Module):
    """Zero whatever comes in: it takes the branch out of a residual layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the same shape."""
        return x.new_zeros(x.shape)


def feed_forward(embed_dim: int, hidden_dim: int, dropout: float) -> nn.Module:
    """The feed-forward part of a transformer layer: wider, ReLU, dropout, and back.

    With a `hidden_dim` of 0 there is none: `Nothing`, and the norm behind it stays.
    """
    if hidden_dim == 0:
        return Nothing()
    return nn.Sequential(
        nn.Linear(embed_dim, hidden_dim),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden_dim, embed_dim),
    )
