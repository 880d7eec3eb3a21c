"""The transformer as it began: one sequence of words in, another one out (arXiv:1706.03762)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.position import Position
from drivetr.nn.sine_position import sequence_sine

PAD, START, END = range(3)  # what every vocabulary begins with


class Transformer(nn.Module):
    """Encoder and decoder of DETR, fed with words and not with image cells.

    Three things differ from DETR: tokens come from tables of embeddings; positions are added once,
    at the input; and a word of the target sees only those before it, so that the same network that
    learned all words at once can write them one after the other.

    Unlike the paper's, source, target and output have tables of their own, embeddings are not
    dropped out, and a norm stands behind the last layer of the decoder, as in DETR.

    Args:
        encoder: attention among the words of the source.
        decoder: attention from the words of the target to those before them and to the source.
        source_size: words of the source's vocabulary, the three special ones included.
        target_size: likewise of the target's: V.
        embed_dim: width C of the tokens, even.
        max_length: words that `forward` writes at most, with the end.
    """

    def __init__(
        self,
        encoder: TransformerEncoder,
        decoder: TransformerDecoder,
        source_size: int,
        target_size: int,
        embed_dim: int = 256,
        max_length: int = 100,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.source_embedding = nn.Embedding(source_size, embed_dim)
        self.target_embedding = nn.Embedding(target_size, embed_dim)
        self.head = nn.Linear(embed_dim, target_size)
        self.max_length = max_length
        for table in (self.source_embedding, self.target_embedding):
            nn.init.normal_(table.weight, std=embed_dim**-0.5)

    def forward(
        self, source: Int[Tensor, "B S"], target: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T V"]:
        """Logits of the words of the translation.

        Args:
            source: numbers of words, PAD behind the last.
            target: START and the right words, for training: each position answers with the word
                after it. Without it the network reads its own likeliest words (greedy decoding),
                until all sequences have ended or `max_length` is reached.
        """
        visible = (source != PAD)[:, None, None]  # B 1 1 S
        memory = self.encoder(_embed(self.source_embedding, source), Position(), visible)
        if target is not None:
            return self.decode(target, memory, visible)
        written = torch.full_like(source[:, :1], START)
        while True:
            logits = self.decode(written, memory, visible)
            written = torch.cat([written, logits[:, -1:].argmax(-1)], dim=1)
            if logits.shape[1] == self.max_length or bool((written == END).any(1).all()):
                return logits

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S C"],
        visible: Bool[Tensor, "B 1 1 S"],
    ) -> Float[Tensor, "B T V"]:
        """The word after each of the target's, from the encoded source."""
        tokens = _embed(self.target_embedding, target)
        length = target.shape[1]
        earlier = torch.ones(1, 1, length, length, dtype=torch.bool, device=target.device).tril()
        for index in range(len(self.decoder)):
            tokens, _ = self.decoder.step(
                index, tokens, memory, Position(), Position(), earlier, visible
            )
        logits: Tensor = self.head(self.decoder.post_norm(tokens))
        return logits


def _embed(table: nn.Embedding, words: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
    """Content scaled to the size of the positions, plus the positions (section 3.4)."""
    content: Tensor = table(words) * table.embedding_dim**0.5
    return content + sequence_sine(words.shape[1], table.embedding_dim).to(content)
