"""What the decoder is told of the depth head's answers, and that nothing flows back through it."""

import torch

from drivetr.models.token_embedding import TokenEmbedding


def make_tokens() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def part(*shape: int) -> torch.Tensor:
        return torch.randn(1, 2, 3, 4, *shape, generator=generator).requires_grad_()

    return {"heat_logits": part(10), "log_depth": part(), "offset": part(2)}


def test_depends_on_every_answer_and_teaches_none_of_them():
    embedding, tokens = TokenEmbedding(10, 16), make_tokens()
    before = embedding(tokens)
    assert before.shape == (1, 2, 3, 4, 16)
    for name, value in tokens.items():
        changed = embedding({**tokens, name: value + 1})
        assert (changed - before).abs().amax(-1).min() > 0, name
    before.sum().backward()
    assert all(value.grad is None for value in tokens.values())
    assert embedding.project.weight.grad is not None
