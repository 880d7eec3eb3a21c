"""A whole transformer translates numbers from words to digits, and shows where it looks."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from drivetr.data.number_words import DIGITS, WORDS, NumberWordsDataset, in_words, read_digits
from drivetr.models.classification import CrossEntropy
from drivetr.nn.attention_maps import recorded_attention
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.transformer import PAD, START, Transformer
from drivetr.structures.sequences import SequenceBatch
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.fit import fit
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import matrix, panels

EMBED_DIM, NUM_HEADS, FFN_DIM, NUM_LAYERS = 64, 4, 128, 2
LIMIT = 10_000  # numbers below it
STEPS, LR, BATCH_SIZE = 600, 3e-3, 64
TESTED = 500
WANTED = 4  # digits that the shown number has


def compute(settings: Settings) -> Data:
    """Trains on eight of ten numbers and translates others."""
    torch.manual_seed(settings.seed)
    model = make_model()
    loss = CrossEntropy(ignored=PAD)
    losses = fit(
        model,
        lambda batch: loss(model(*batch.inputs), *batch.truth)["loss_cls"],
        batches(NumberWordsDataset("train", LIMIT), settings.generator()),
        settings.steps(STEPS),
        LR,
        "number words",
    )
    held_out = NumberWordsDataset("test", LIMIT, with_targets=False, first=TESTED)
    shown = next(int(n) for n in held_out.numbers if len(str(n)) == WANTED)
    return as_data(
        {
            **look(model, in_words(shown)),
            "right": exactly_right(model, held_out),
            "tested": len(held_out),
            "steps": len(losses),
        },
        digits=4,
    )


def make_model() -> Transformer:
    """Two layers on either side."""
    sizes = (EMBED_DIM, NUM_HEADS, FFN_DIM, NUM_LAYERS, 0.0)
    return Transformer(
        TransformerEncoder(*sizes), TransformerDecoder(*sizes), len(WORDS), len(DIGITS),
        EMBED_DIM, max_length=8,
    )  # fmt: skip


def batches(dataset: NumberWordsDataset, generator: torch.Generator) -> Iterator[SequenceBatch]:
    """Endless batches of random numbers."""
    while True:
        chosen = torch.randint(len(dataset), (BATCH_SIZE,), generator=generator).tolist()
        yield dataset.collate([dataset[index] for index in chosen])


@torch.no_grad()
def exactly_right(model: Transformer, dataset: NumberWordsDataset) -> float:
    """The share of numbers whose digits are all right."""
    samples = [dataset[index] for index in range(len(dataset))]
    written = model(*dataset.collate(samples).inputs).argmax(-1)
    pairs = zip(written.tolist(), samples, strict=True)
    return sum(read_digits(words) == sample.answer for words, sample in pairs) / len(samples)


@torch.no_grad()
def look(model: Transformer, text: str) -> dict[str, Any]:
    """What the model writes, and where each of its words looked in the source (L, T, S)."""
    source = torch.tensor([[WORDS.index(word) for word in text.split()]])
    written = model(source).argmax(-1)[0].tolist()
    read = torch.tensor([[START, *written[:-1]]])
    with recorded_attention(model.decoder.layers) as maps:
        model(source, read)
    cross = [runs[0][0].mean(0) for name, runs in maps.items() if name.endswith("cross_attention")]
    return {
        "source": text.split(),
        "written": [DIGITS[word] for word in written],
        "answer": read_digits(written),
        "cross": torch.stack(cross),
    }


def draw(data: Data) -> Mapping[str, Figure]:
    """The cross-attention of each layer as a matrix."""
    cross = np.array(data["cross"])
    figure, axes = panels(1, len(cross), 3.9)
    for number, plot in enumerate(axes[0]):
        shown = matrix(
            plot, cross[number], data["written"], data["source"], f"decoder layer {number + 1}",
            vmin=0, vmax=1,
        )  # fmt: skip
        for label in plot.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
        plot.set(xlabel="word of the source (key)", ylabel="word that is written (query)")
    figure.colorbar(shown, ax=axes[0].tolist(), label="attention weight", shrink=0.8)
    return {"words": figure}


def tell(data: Data) -> list[Block]:
    """Encoder, decoder, cross-attention."""
    return [
        Text(
            "The first transformer translated. An encoder lets the words of the source look at each"
            " other. A decoder writes the target word after word: it looks at what it has written"
            " so far (self-attention with a mask that hides the future), then at the encoded source"
            " (cross-attention: the queries come from the target, keys and values from the source),"
            " and names the next word. Positions are sines that are added to the words."
        ),
        Formula(
            "PE(t, 2i) = sin(t / 10000^(2i/C)),   PE(t, 2i + 1) = cos(t / 10000^(2i/C))",
            "Vaswani et al., arXiv:1706.03762, section 3.5",
        ),
        Text(
            f"This one has {NUM_LAYERS} layers on either side and learned for {data['steps']} steps"
            f" to write numbers below {LIMIT:,} in digits. Of {data['tested']} numbers that it has"
            f" not learned from, {data['right']:.1%} come out right to the last digit. The figure"
            f" shows where it looks while it turns {' '.join(data['source'])!r} into"
            f" {data['answer']}."
        ),
        Picture(
            "words",
            "One row a written word (<end> is the last): the mean of the heads. Bright is much.",
        ),
        Text(
            "Nobody told it which word belongs to which digit. DETR's decoder, further down, is the"
            " same one; only that its queries are not words but objects that are to be found, and"
            " the source is an image."
        ),
    ]


PART = Part("The transformer: reading and writing", compute, draw, tell)
