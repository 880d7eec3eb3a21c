"""Loading a DETR to look into: from a checkpoint, from a converted folder, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import save_file

from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.detr import LoadedDetr, detr_of
from drivetr.engine.looking import load_model
from drivetr.errors import DrivetrError
from drivetr.models.published import FAMILIES
from tests.engine.small_detr import write_checkpoint, write_set

SETTINGS = {
    "depth": 50, "dilated": False, "position": "sine", "embed_dim": 16, "num_heads": 2,
    "ffn_dim": 16, "encoder_layers": 1, "decoder_layers": 1, "num_queries": 4, "num_classes": 3,
}  # fmt: skip


def load_detr(path, device) -> LoadedDetr:
    return detr_of(load_model(path, device), path)


def write_folder(folder, family="detr", settings=SETTINGS):
    folder.mkdir()
    model = FAMILIES[family].build(settings)
    save_file(model.state_dict(), folder / "model.safetensors")
    content = {"format": 1, "family": family, "settings": settings}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_a_checkpoint_brings_its_transforms_and_classes(tmp_path):
    loaded = load_detr(write_checkpoint(tmp_path / "run"), "cpu")
    assert loaded.classes == ("circle", "square", "triangle", "star")
    assert loaded.class_name(3) == "star"
    image = write_set(tmp_path / "set") / "val_shapes/000000000001.png"
    sample = loaded.read(image)
    assert sample.image.is_floating_point()
    assert sample.original_size == sample.image.shape[1:]
    with torch.no_grad():
        outputs = loaded.model(sample.image[None], torch.zeros(1, *sample.original_size) > 0)
    found = loaded.detections(outputs, sample.original_size)
    assert len(found) == loaded.model.query_embed.num_embeddings


def test_a_converted_folder_resizes_as_published(tmp_path):
    loaded = load_detr(write_folder(tmp_path / "weights"), "cpu")
    assert loaded.class_name(2) == "class 2"
    image = write_set(tmp_path / "set") / "val_shapes/000000000001.png"
    sample = loaded.read(image)
    assert min(sample.image.shape[1:]) == 800
    assert sample.original_size[0] < 800


def test_what_is_no_detr(tmp_path):
    vit = {
        "image_size": 32, "patch_size": 16, "num_layers": 1, "num_heads": 1, "embed_dim": 8,
        "mlp_dim": 8, "eps": 1e-6, "num_classes": 2, "pooling": "class_token",
    }  # fmt: skip
    with pytest.raises(DrivetrError, match="holds a ViTClassifier, expected a DETR"):
        load_detr(write_folder(tmp_path / "vit", "vit", vit), "cpu")
    state = {"model": dict(type="Identity"), "postprocess": {}, "test_data": {}, "classes": []}
    state["postprocess"] = dict(type="BestClassPostprocess")
    path = save_checkpoint(
        {"iteration": 1, "spec": state, "model": {}, "ema": None}, tmp_path, keep=1
    )
    with pytest.raises(DrivetrError, match="holds a Identity, expected a DETR"):
        load_detr(path, "cpu")


def test_what_is_no_image(tmp_path):
    loaded = load_detr(write_checkpoint(tmp_path / "run"), "cpu")
    (tmp_path / "note.png").write_text("hello")
    for name, told in (("note.png", "note.png"), ("absent.png", "absent.png")):
        with pytest.raises(DrivetrError, match=told):
            loaded.read(tmp_path / name)
