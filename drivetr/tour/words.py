"""A whole transformer translates numbers in words to digits, and shows where it looked."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.data.number_words import NumberWordsDataset
from drivetr.nn.attention_maps import recorded_attention
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.transformer import PAD, Transformer
from drivetr.structures.sequences import SequenceBatch
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.fit import fit
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import AMOUNT, matrix, panels

EMBED_DIM, NUM_HEADS, FFN_DIM, NUM_LAYERS = 64, 4, 128, 2
STEPS, LR, BATCH_SIZE = 600, 3e-3, 64
TESTED = 400
SOURCES, TARGETS = 30, 13  # words of the vocabularies
SHOWN = "seven thousand four hundred and nineteen"


def compute(settings: Settings) -> Data:
    """Trains on eight of ten numbers below 10,000 and translates others."""
    torch.manual_seed(settings.seed)
    model = make_model()
    train = NumberWordsDataset("train")
    losses = fit(
        model,
        lambda batch: F.cross_entropy(
            model(*batch.inputs).flatten(0, 1), batch.truth[0].flatten(), ignore_index=PAD
        ),
        batches(train, settings.generator()),
        settings.steps(STEPS),
        LR,
        "number words",
    )
    return as_data({**look(model, SHOWN), **examine(model), "steps": len(losses)}, digits=4)
