"""CLIP's tokens: byte pair encoding as in `openai/CLIP`, vocabulary from a package or a file.

A text is mended (ftfy), freed of HTML entities, lower-cased and split into words; the bytes of a
word are merged pair by pair in the order of the list of merges. The list is not part of drivetr:
open_clip_torch carries OpenAI's, and any other can be read from a file. Nothing is downloaded.
"""

import gzip
import html
import importlib.util
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from drivetr.errors import DrivetrError

CONTEXT_LENGTH = 77
_START, _END = "<start_of_text>", "<end_of_text>"
_WORDS = (
    rf"{_START}|{_END}" + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)  # of openai/CLIP, simple_tokenizer.py
_NUM_MERGES = 48894  # of OpenAI's list; its file goes on behind them
Merge = tuple[str, str]


class Tokenizer:
    """Texts to rows of tokens.

    Args:
        vocabulary: `bpe_simple_vocab_16e6.txt.gz`, a Hugging Face `merges.txt` or `tokenizer.json`,
            or a folder that holds one of these; None for the list that open_clip_torch carries.
        context_length: tokens in a row.

    Attributes:
        vocab_size: number of different tokens; the last is the end of a text, the one before it
            the start.

    Raises:
        DrivetrError: the package or the file is missing, or the file is no list of merges.
    """

    def __init__(
        self, vocabulary: str | Path | None = None, context_length: int = CONTEXT_LENGTH
    ) -> None:
        if context_length < 2:
            raise ValueError(f"context_length {context_length} has no room for start and end")
        merges = read_merges(Path(vocabulary) if vocabulary is not None else packaged_vocabulary())
        self.context_length = context_length
        self._ranks = {merge: rank for rank, merge in enumerate(merges)}
        letters = list(_letters().values())
        vocabulary_ = [*letters, *(f"{c}</w>" for c in letters), *map("".join, merges)]
        self._number = {word: i for i, word in enumerate([*vocabulary_, _START, _END])}
        self.vocab_size = len(self._number)
        self._known = {text: [self._number[text]] for text in (_START, _END)}
        self._ftfy, self._words = _import("ftfy"), _import("regex").compile(_WORDS, 2)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text of any length, without start and end."""
        text = html.unescape(html.unescape(self._ftfy.fix_text(text)))
        words = self._words.findall(" ".join(text.split()).lower())
        return [token for word in words for token in self._word(word)]

    def __call__(self, texts: Sequence[str]) -> Int[Tensor, "B T"]:
        """Rows that begin with the start token and end with the end token and zeros.

        A text that is too long loses its last words and keeps the end token.
        """
        start, end = self.vocab_size - 2, self.vocab_size - 1
        tokens = torch.zeros(len(texts), self.context_length, dtype=torch.int64)
        for row, text in zip(tokens, texts, strict=True):
            found = [start, *self.encode(text)[: self.context_length - 2], end]
            row[: len(found)] = torch.tensor(found)
        return tokens

    def _word(self, word: str) -> list[int]:
        """The tokens of one word, which are remembered."""
        if word not in self._known:
            letters = [_letters()[byte] for byte in word.encode("utf-8")]
            parts = self._merged([*letters[:-1], letters[-1] + "</w>"])
            self._known[word] = [self._number[part] for part in parts]
        return self._known[word]

    def _merged(self, parts: list[str]) -> list[str]:
        """The parts of a word after all merges, those first that come first in the list."""
        while len(parts) > 1:
            pairs = set(zip(parts[:-1], parts[1:], strict=True))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            merged: list[str] = []
            for part in parts:
                if merged and (merged[-1], part) == best:
                    merged[-1] += part
                else:
                    merged.append(part)
            parts = merged
        return parts


@lru_cache(maxsize=1)
def _letters() -> dict[int, str]:
    """A visible character for each byte, in the order in which the vocabulary has them."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def packaged_vocabulary() -> Path:
    """The list of merges in the installed open_clip_torch, which is not imported.

    Raises:
        DrivetrError: it is not installed.
    """
    found = importlib.util.find_spec("open_clip")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / "bpe_simple_vocab_16e6.txt.gz"
        if path.is_file():
            return path
    raise DrivetrError(
        "CLIP's vocabulary is in the package open_clip_torch, which is not installed: pip install"
        " -e '.[clip]', or name a file of your own (bpe_simple_vocab_16e6.txt.gz, merges.txt or"
        " tokenizer.json) with --vocab"
    )


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DrivetrError(
            f"CLIP's tokenizer needs the package {name}: pip install -e '.[clip]'"
        ) from error


def read_merges(path: Path) -> list[Merge]:
    """The merges of a vocabulary file or folder, first ones first.

    Raises:
        DrivetrError: the file is missing or is no list of merges.
    """
    if path.is_dir():
        names = ("merges.txt", "tokenizer.json", "bpe_simple_vocab_16e6.txt.gz")
        files = [path / name for name in names if (path / name).is_file()]
        if not files:
            raise DrivetrError(f"{path} holds no vocabulary, expected one of {', '.join(names)}")
        path = files[0]
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        lines = _json_merges(text) if path.suffix == ".json" else _plain_merges(text)
        return [_pair(line) for line in lines]
    except FileNotFoundError as error:
        raise DrivetrError(f"{path}: there is no such vocabulary file; mend the path") from error
    except (gzip.BadGzipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise DrivetrError(
            f"{path} is no list of merges ({error}); expected bpe_simple_vocab_16e6.txt.gz or a"
            " Hugging Face merges.txt or tokenizer.json"
        ) from error


def _plain_merges(text: str) -> list[str]:
    """All lines but the first, which names the version; the rest of OpenAI's file is not used."""
    return text.rstrip("\n").split("\n")[1 : 1 + _NUM_MERGES]


def _json_merges(text: str) -> Iterable[Any]:
    model = json.loads(text)["model"]
    if not isinstance(model["merges"], list):
        raise ValueError("model.merges is no list")
    return model["merges"]


def _pair(line: Any) -> Merge:
    """Both halves of a merge, which newer files keep apart."""
    first, second = line.split() if isinstance(line, str) else line
    return first, second
