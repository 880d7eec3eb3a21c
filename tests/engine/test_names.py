"""From a CLIP training to a detector that is told names, end to end in a tiny world."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from drivetr.cli.main import main
from drivetr.data.clip_images import normalised
from drivetr.data.nuscenes.crops import CropRule, ObjectCrops
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset
from drivetr.data.transforms.crop_embeddings import CropEmbeddings
from drivetr.engine.api import load_detector
from drivetr.engine.clip import load_clip
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import collate_frames

ROOT = Path(__file__).parents[2]
VERSION, SPLIT = "v1.0-synth", "synth_train"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("names") / "world"
    recipe = Recipe(nuscenes_rig(96, 256), 2, 1, 2, 5, 14.0, 2.4, False)
    assert write_dataset(recipe, out, workers=1)
    return out


def train(config: str, world: Path, work_dir: Path, *options: str) -> int:
    dataset = ["--dataroot", str(world), "--version", VERSION, "--split", SPLIT]
    short = ["schedule.iterations=2", "train_data.batch_size=2", "train_data.num_workers=0"]
    command = ["train", str(ROOT / "configs" / config), *dataset, "--work-dir", str(work_dir)]
    return main([*command, "--device", "cpu", "--cfg-options", *short, *options])


@pytest.fixture(scope="module")
def checkpoint(world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    assert train("clip/clip_vit_synth.py", world, folder) == 0
    return folder / "last.pth"


@pytest.fixture(scope="module")
def names(world, checkpoint, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("files")
    dataset = [str(world), "--version", VERSION, "--split", SPLIT]
    hidden = ["--hidden", "bus", "pedestrian", "--others", "night"]
    assert main(["names", str(checkpoint), *dataset, *hidden, "--out", str(out)]) == 0
    return out


def test_files(checkpoint, names, world):
    named = load_file(names / "named.safetensors")
    every = load_file(names / "names.safetensors")
    hidden = [DETECTION_CLASSES.index(name) for name in ("bus", "pedestrian")]
    others = [i for i in range(10) if i not in hidden]
    assert (named["embeddings"][hidden] == 0).all()
    assert torch.equal(named["embeddings"][others], every["embeddings"][others])
    assert every["embeddings"].norm(dim=-1).tolist() == pytest.approx([1] * 10, abs=1e-5)
    assert every["others"].shape == (1, 128)
    assert named["logit_scale"] == load_clip(checkpoint).model.logit_scale


def test_every_box_gets_what_clip_sees_in_it(checkpoint, names, world):
    """Picture by picture, found again by annotation token through the dataset's own order."""
    index = open_index(world, VERSION)
    clip = load_clip(checkpoint).model
    crops = ObjectCrops(index, SPLIT, CropRule(48))
    pictures = {seen.token: crops.picture(i) for i, seen in enumerate(crops.objects)}
    dataset = NuScenesDataset(
        index, SPLIT, [CropEmbeddings(names / "crops.safetensors")], min_points=0
    )
    compared = unseen = 0
    for number, row in enumerate(index.samples_of_split(SPLIT)):
        annotations = index.sample(int(row)).annotations
        targets = dataset[number].targets
        for instance, embedding in zip(targets.instance, targets.embeddings, strict=True):
            token = annotations.token[annotations.instance.tolist().index(int(instance))]
            if token not in pictures:
                assert embedding.isnan().all()
                unseen += 1
                continue
            with torch.no_grad():
                expected = clip.encode_image(normalised(pictures[token][None]))[0]
            torch.testing.assert_close(embedding, normalize(expected, dim=0))
            compared += 1
    assert compared == len(crops)
    assert unseen > 0


def test_trains_and_takes_other_names(names, world, tmp_path):
    options = [f"model.head.names.init={names / 'named.safetensors'}"]
    options += [f"train_data.transforms.0.file={names / 'crops.safetensors'}"]
    assert train("petr/petr_open_vocabulary_synth.py", world, tmp_path, *options) == 0
    loaded = load_detector(tmp_path / "last.pth", "cpu")
    bus = DETECTION_CLASSES.index("bus")
    batch = collate_frames([loaded.dataset(world, VERSION, SPLIT)[0]])

    @torch.no_grad()
    def bus_scores():
        return loaded.detector(*batch.inputs)[0]["pred_logits"][..., bus].sigmoid()

    assert (bus_scores() == 0).all()
    loaded.detector.head.names.rename(load_file(names / "names.safetensors")["embeddings"])
    assert (bus_scores() > 0).all()


def test_image_tower_as_backbone(checkpoint, world, tmp_path):
    """The trained tower arrives unchanged in the detector, and all of it learns on."""
    tower = load_clip(checkpoint).model.vision.state_dict()
    save_file(tower, tmp_path / "tower.safetensors")
    init = f"model.backbone.init={tmp_path / 'tower.safetensors'}"
    for name, rate in (("still", 0.0), ("on", 1e-3)):
        options = [init, f"optimizer.lr={rate}"]
        assert train("petr/petr_clip_vit_synth.py", world, tmp_path / name, *options) == 0
        detector = load_detector(tmp_path / name / "last.pth", "cpu").detector
        found = detector.backbone.state_dict()
        assert found.keys() == tower.keys()
        same = [key for key in tower if torch.equal(found[key], tower[key])]
        assert same == (list(tower) if name == "still" else [])


class TestMistakes:
    def test_crops_of_another_clip(self, names, world, tmp_path, capsys):
        options = [
            f"model.head.names.init={names / 'named.safetensors'}",
            "model.head.names.text_dim=64",
        ]
        assert train("petr/petr_open_vocabulary_synth.py", world, tmp_path, *options) == 2
        assert "embeddings [10, 128], expected [10, 64]" in capsys.readouterr().err

    def test_unknown_class(self, checkpoint, world, tmp_path, capsys):
        dataset = [str(world), "--version", VERSION, "--split", SPLIT, "--hidden", "tram"]
        assert main(["names", str(checkpoint), *dataset, "--out", str(tmp_path)]) == 2
        assert "--hidden has 'tram', expected names among car" in capsys.readouterr().err
