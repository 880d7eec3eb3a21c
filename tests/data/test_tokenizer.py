"""CLIP's tokens against open_clip's and, with their known differences, transformers' tokenizer."""

import gzip
import json
from pathlib import Path

import pytest
import torch

from drivetr.data import tokenizer as module
from drivetr.data.tokenizer import Tokenizer, packaged_vocabulary, read_merges
from drivetr.errors import DrivetrError

open_clip_tokenizer = pytest.importorskip("open_clip.tokenizer")

AWKWARD = [
    "",
    "   ",
    "a red car at night",
    "A RED Car",
    "  tabs\tand\n\nlines  and   spaces ",
    "naïve café, Ångström — “quoted” … façade",
    "the driver's car; they're, we've, I'm, she'll, he'd, don't!",
    "&lt;b&gt; &amp;amp; &quot;HTML&quot; &eacute; &#128512; a < b",
    "emoji 😀🚗 👨‍👩‍👧 flags 🇩🇪",
    "汽车 自動車 자동차 автомобиль سيارة",
    "Ⅷ ½ ² 12345 3.14 1e-9",
    "schÃ¶n mojibake â€“ mended",
    "<start_of_text> literal <end_of_text> specials <|endoftext|>",
    "under_score hy-phen a/b\\c @#$%^&*()[]{}~`|",
    "e\u0301 combining \u200b zero\u00a0width\ufeff",
    "x" * 300,
    "word " * 100,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "İstanbul STRASSE ß ǅ",
]
# The tokenizer of transformers composes accents, but does no more of what ftfy does: it keeps
# curly quotes (5), mojibake (11), byte order marks (14) and digraphs (18). It keeps HTML entities
# (7), and it knows the start and the end of a text by other names (12).
OTHERWISE_IN_TRANSFORMERS = [5, 7, 11, 12, 14, 18]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.fixture(scope="module")
def theirs():
    return open_clip_tokenizer.SimpleTokenizer()


@pytest.fixture(scope="module")
def short() -> Tokenizer:
    return Tokenizer(context_length=8)


class TestOpenClip:
    @pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
    def test_equal(self, tokenizer, short, theirs, text):
        assert tokenizer.encode(text) == theirs.encode(text)
        assert torch.equal(tokenizer([text]), theirs([text]))
        assert torch.equal(short([text]), theirs([text], context_length=8))

    def test_numbers(self, tokenizer):
        assert tokenizer.vocab_size == 49408
        # Published in the examples of openai/CLIP's README as the tokens of "a diagram".
        assert tokenizer(["a diagram"])[0, :5].tolist() == [49406, 320, 22697, 49407, 0]


class TestTransformers:
    def theirs(self, tokenizer, folder: Path):
        transformers = pytest.importorskip("transformers")
        merges = read_merges(packaged_vocabulary())
        names = {f"<{n}_of_text>": f"<|{n}oftext|>" for n in ("start", "end")}
        numbers = {names.get(word, word): i for word, i in tokenizer._number.items()}
        (folder / "vocab.json").write_text(json.dumps(numbers))
        (folder / "merges.txt").write_text(
            "#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n"
        )
        return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))

    def test_equal_but_for_the_known_differences(self, tokenizer, tmp_path):
        theirs = self.theirs(tokenizer, tmp_path)
        differing = [
            i
            for i, text in enumerate(AWKWARD)
            if theirs(text)["input_ids"][1:-1] != tokenizer.encode(text)
        ]
        assert differing == OTHERWISE_IN_TRANSFORMERS
        assert theirs.pad_token_id == tokenizer.vocab_size - 1  # not zero


class TestVocabularyFiles:
    MERGES = (("a", "b"), ("ab", "c</w>"))

    def written(self, folder: Path, name: str) -> Path:
        lines = "#version: 0.2\n" + "\n".join(map(" ".join, self.MERGES)) + "\n"
        path = folder / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(lines.encode()))
        elif name.endswith(".json"):
            path.write_text(json.dumps({"model": {"merges": [list(m) for m in self.MERGES]}}))
        else:
            path.write_text(lines)
        return path

    @pytest.mark.parametrize("name", ["bpe.txt.gz", "merges.txt", "tokenizer.json"])
    def test_kinds(self, tmp_path, name):
        tokenizer = Tokenizer(self.written(tmp_path, name))
        assert tokenizer.vocab_size == 512 + 2 + 2
        assert tokenizer.encode("abc") == [513]
        assert len(tokenizer.encode("acb")) == 3

    def test_folder(self, tmp_path):
        self.written(tmp_path, "merges.txt")
        assert read_merges(tmp_path) == list(self.MERGES)

    def test_bad(self, tmp_path):
        with pytest.raises(DrivetrError, match="no such vocabulary file"):
            Tokenizer(tmp_path / "absent.txt")
        with pytest.raises(DrivetrError, match="holds no vocabulary"):
            Tokenizer(tmp_path)
        (tmp_path / "x.gz").write_bytes(b"no gzip")
        with pytest.raises(DrivetrError, match="no list of merges"):
            Tokenizer(tmp_path / "x.gz")
        (tmp_path / "x.json").write_text('{"model": {}}')
        with pytest.raises(DrivetrError, match="no list of merges"):
            Tokenizer(tmp_path / "x.json")
        (tmp_path / "x.txt").write_text("#\na b c\n")
        with pytest.raises(DrivetrError, match="no list of merges"):
            Tokenizer(tmp_path / "x.txt")

    def test_without_the_package(self, monkeypatch):
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(DrivetrError, match=r"-e '\.\[clip\]'"):
            Tokenizer()

    def test_context_without_room(self):
        with pytest.raises(ValueError, match="no room"):
            Tokenizer(context_length=1)
