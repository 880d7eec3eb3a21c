"""Number words: spelling, splits, and what a batch hands to model and criterion."""

import pytest
import torch

from drivetr.data.number_words import DIGITS, WORDS, NumberWordsDataset, in_words
from drivetr.errors import DrivetrError
from drivetr.nn.transformer import END, PAD, START


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (85, "eighty five"),
        (100, "one hundred"),
        (305, "three hundred and five"),
        (1000, "one thousand"),
        (2016, "two thousand and sixteen"),
        (7450, "seven thousand four hundred and fifty"),
        (999_999, "nine hundred and ninety nine thousand nine hundred and ninety nine"),
    ],
)
def test_spelling(number, words):
    assert in_words(number) == words


def value(words: str) -> int:
    """The number that words mean, by adding up from the left."""
    values = {word: n for n, word in enumerate(WORDS[3:23])}
    values |= {word: 10 * (n + 2) for n, word in enumerate(WORDS[23:31])}
    total = part = 0
    for word in words.split():
        if word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = 1000 * part, 0
        elif word != "and":
            part += values[word]
    return total + part


def test_every_number_can_be_read_back():
    assert all(value(in_words(number)) == number for number in range(0, 1_000_000, 997))
    assert all(value(in_words(number)) == number for number in range(2500))


def test_splits_share_no_number_and_hold_all():
    train, test = (NumberWordsDataset(split, limit=500) for split in ("train", "test"))
    assert (len(train), len(test)) == (400, 100)
    assert sorted([*train.numbers, *test.numbers]) == list(range(500))
    assert NumberWordsDataset("test", 500, first=9).numbers.tolist() == test.numbers[:9].tolist()
    assert (
        NumberWordsDataset("test", limit=500, split_seed=1).numbers.tolist()
        != test.numbers.tolist()
    )


def test_a_batch_is_padded_and_shifted():
    data = NumberWordsDataset("train", limit=1000)
    places = [data.numbers.tolist().index(n) for n in (7, 421)]
    batch = data.collate([data[i] for i in places]).to("cpu")
    source, given = batch.inputs
    (truth,) = batch.truth
    assert [WORDS[i] for i in source[0].tolist()] == ["seven", *["<pad>"] * 4]
    assert [DIGITS[i] for i in given[1].tolist()] == ["<start>", "4", "2", "1"]
    assert truth[1].tolist() == [DIGITS.index(d) for d in "421"] + [END]
    assert given[0].tolist() == [START, DIGITS.index("7"), END, PAD]
    assert truth[0].tolist() == [DIGITS.index("7"), END, PAD, PAD]
    assert batch.names == ["seven", "four hundred and twenty one"]
    assert (batch.sizes, len(batch.targets)) == ((), 2)


def test_without_targets_the_model_gets_the_source_alone():
    data = NumberWordsDataset("test", limit=50, with_targets=False)
    batch = data.collate([data[0], data[1]])
    assert len(batch.inputs) == 1
    assert (batch.truth, batch.targets) == ((), [])
    with pytest.raises(ValueError, match="with targets and without"):
        data.collate([data[0], NumberWordsDataset("test", limit=50)[0]])


def test_bad_arguments():
    with pytest.raises(DrivetrError, match=r"splits train, test, not 'val'"):
        NumberWordsDataset("val")
    with pytest.raises(DrivetrError, match="limit is 2000000, expected a number from 5 to 1000000"):
        NumberWordsDataset("train", limit=2_000_000)


def test_special_words_agree_with_the_model():
    assert (DIGITS[PAD], DIGITS[START], DIGITS[END]) == ("<pad>", "<start>", "<end>")
    assert torch.equal(torch.tensor([PAD, START, END]), torch.arange(3))
