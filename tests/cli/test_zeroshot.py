"""`drivetr zeroshot` on a small world with random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from drivetr.cli.main import main
from drivetr.data.captions import class_prompts
from drivetr.data.clip_images import normalised, square_window
from drivetr.data.decode import decode_image_file
from drivetr.data.nuscenes.index import open_index
from drivetr.engine.clip import load_clip
from drivetr.structures.classes import DETECTION_CLASSES
from tests.clip_world import VERSION, write_clip, write_truth, write_vocabulary, write_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("zeroshot")
    write_world(out / "world")
    write_vocabulary(out / "merges.txt")
    write_clip(out / "clip")
    write_truth(open_index(out / "world", VERSION), "synth_val", out / "results.json")
    return out


def run(folder: Path, *options: str | Path, split: str = "synth_val") -> int:
    words = ["zeroshot", folder / "world", "--version", VERSION, "--split", split]
    words += ["--clip", folder / "clip", "--vocab", folder / "merges.txt", "--device", "cpu"]
    words += ["--results", folder / "results.json", *options]
    return main([str(word) for word in words])


class TestZeroshot:
    def test_names_are_those_of_the_crops(self, folder, tmp_path, capsys):
        out, sheet = tmp_path / "names.json", tmp_path / "sheet.png"
        assert run(folder, "--out", out, "--sheet", sheet) == 0
        content = json.loads(out.read_text())
        ((token, found),) = content["results"].items()
        assert content["meta"]["names"] == list(DETECTION_CLASSES)
        clip = load_clip(folder / "clip", folder / "merges.txt", "cpu")
        index = open_index(folder / "world", VERSION)
        cameras = {c.channel: c for c in index.sample(index.row_of(token)).cameras}
        prompts = clip.embed_texts(class_prompts(DETECTION_CLASSES))
        classes = normalize(prompts.unflatten(0, (10, -1)).mean(1), dim=-1)
        for one in found:
            pixels = decode_image_file(folder / "world" / cameras[one["camera"]].filename)
            picture = normalised(square_window(pixels, one["bounds_px"], 16, 0.15)[None])
            with torch.no_grad():
                image = normalize(clip.model.encode_image(picture), dim=-1)[0]
            shares = torch.softmax(clip.model.logit_scale.exp().detach() * classes @ image, 0)
            expected = dict(zip(DETECTION_CLASSES, shares.tolist(), strict=True))
            got = dict(zip(one["names"], one["probabilities"], strict=True))
            assert got == pytest.approx(expected, abs=1e-4)
            assert one["probabilities"] == sorted(one["probabilities"], reverse=True)
            assert one["truth"] == one["detection_name"]  # the submission repeats the truth
        right = np.mean([one["names"][0] == one["truth"] for one in found])
        printed = capsys.readouterr().out
        assert f"named rightly by CLIP       {right:6.1%}" in printed
        assert f"named rightly by detector   {1:6.1%}" in printed
        assert np.asarray(Image.open(sheet)).std() > 10

    def test_own_names(self, folder, tmp_path, capsys):
        out = tmp_path / "names.json"
        assert run(folder, "--out", out, "--names", "traffic cone", "elephant") == 0
        (found,) = json.loads(out.read_text())["results"].values()
        assert all(set(one["names"]) == {"traffic cone", "elephant"} for one in found)
        cones = sum(one["truth"] == "traffic_cone" for one in found)
        assert (f"of {cones} detections" if cones else "no detection") in capsys.readouterr().out

    def test_nothing_above_the_threshold(self, folder, tmp_path, capsys):
        options = ("--out", tmp_path / "n.json", "--score-threshold", "0.95")
        assert run(folder, *options) == 0
        assert json.loads((tmp_path / "n.json").read_text())["results"] == {}
        assert run(folder, *options, "--sheet", tmp_path / "s.png") == 2
        assert "no detections to draw" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--names"], "at least two different names"),
            (["--names", "car", " "], "none of them empty"),
            (["--names", "car", "car"], "different names"),
        ],
    )
    def test_bad_names(self, folder, options, message, capsys):
        assert run(folder, *options) == 2
        assert message in capsys.readouterr().err

    def test_results_of_another_split(self, folder, capsys):
        assert run(folder, split="synth_train") == 2
        assert "made for another split" in capsys.readouterr().err
