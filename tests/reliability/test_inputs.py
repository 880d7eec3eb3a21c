"""Rows 67 and 68: texts and images that a transformer was not made for."""

from pathlib import Path

import pytest
import torch

from drivetr.data.tokenizer import Tokenizer
from tests.clip_world import write_clip, write_vocabulary
from tests.reliability.command import ROOT, accepted, refused, training
from tests.reliability.world import VERSION, World

VIT = ROOT / "configs/vit/vit_digits.py"
TEXTS = ["", "   ", "a car " * 60, "🚗🚙 at night 🌃, 👨‍👩‍👧 and 🇩🇪", "\0\x1b[31m", "x" * 5000]


@pytest.mark.parametrize("text", TEXTS, ids=["none", "blank", "long", "emoji", "control", "word"])
def test_row_67_texts_for_clip(world: World, tmp_path: Path, text: str):
    reference = pytest.importorskip("open_clip.tokenizer").SimpleTokenizer()
    tokens = Tokenizer()([text])
    assert torch.equal(tokens, reference([text]))
    assert tokens.shape == (1, 77)

    world.write()
    vocabulary = write_vocabulary(tmp_path / "merges.txt")
    named = ["--dataroot", world.root, "--version", VERSION, "--split", "all", "--device", "cpu"]
    clip = ["--clip", write_clip(tmp_path / "clip"), "--vocab", vocabulary]
    command = ["search", text, *named, *clip]
    if not text.strip():
        assert refused(*command).startswith("the sentence is empty; say what to look for")
        return
    said = accepted(*command)
    assert "best 12 of 36 images" in said
    if len(text) > 300:
        assert "its end is not looked for" in said


@pytest.mark.parametrize("patch", [5, 7, 64])
def test_row_68_image_that_is_no_multiple_of_the_patch(tmp_path: Path, patch: int):
    pytest.importorskip("sklearn")
    run = tmp_path / "run"
    short = ("--cfg-options", "schedule={'iterations': 1}", "train_data.num_workers=0")
    said = refused(*training(VIT, run, *short, f"model.trunk.patch_size={patch}"))
    assert f"an image of 32x32 pixels is not a whole number of patches of {patch}x{patch}" in said
    assert said.endswith("resize or pad the images, or choose another patch_size")
    assert not list(run.glob("*.pth"))

    # A whole number of patches, but not as many as positions are learned for.
    accepted(*training(VIT, run, *short, "model.trunk.image_size=96"))
    assert (run / "last.pth").is_file()
