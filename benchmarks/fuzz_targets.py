"""The kinds of files that come from outside, each in a whole small folder, and their readers."""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.fuzz_mutations import (
    mutated_bytes,
    mutated_json,
    mutated_png,
    mutated_start,
    options_mutation,
    zip_mutation,
)
from benchmarks.fuzz_run import Target
from drivetr.data.coco.annotations import read_annotations
from drivetr.data.decode import decode_image_file
from drivetr.data.image_header import read_image_header
from drivetr.data.nuscenes.build import ensure_index
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.data.nuscenes.verify import verify_dataset
from drivetr.data.synth.rig import load_rig
from drivetr.engine.api import load_detector
from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.config import load_config, parse_options
from drivetr.engine.convert import from_pretrained
from drivetr.engine.detector_folder import Origin, write_detector
from drivetr.engine.sources import read_source
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.within_weights import within_weights
from drivetr.engine.zoo import configs_folder, published_detectors
from drivetr.evaluation.coco.detection import evaluate_results
from drivetr.evaluation.nuscenes.submission import read_boxes
from drivetr.models.published import FAMILIES
from drivetr.nn.weight_files import read_weights
from tests.data.coco.small import IMAGES, write_small_coco
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables
from tests.evaluation.nuscenes.track_world import true_detections, true_tracks, write_track_world

VERSION = "v1.0-mini"
SMALL = TableShape(
    scenes=2, samples_per_scene=2, cameras=("CAM_FRONT", "CAM_BACK"), camera_sweeps=1, radars=0,
    lidar_sweeps=0, objects_per_scene=2,
)  # fmt: skip
_VIT = {
    "image_size": 8, "patch_size": 4, "num_layers": 1, "num_heads": 2, "embed_dim": 8, "mlp_dim": 8,
    "eps": 1e-6, "num_classes": 3, "pooling": "class_token",
}  # fmt: skip
PETR = Path(__file__).parents[1] / "tests/engine/tiny_petr_config.py"
_RIG = {
    "cameras": [
        {"name": name, "width": 64, "height": 36,
         "intrinsic": [[50, 0, 32], [0, 50, 18], [0, 0, 1]],
         "ego_from_cam": {"translation": [1.5, 0, 1.6], "rotation": [0.5, -0.5, 0.5, -0.5]}}
        for name in ("FRONT", "BACK")
    ],
    "lidar": {"rings": 4, "azimuths": 8,
              "ego_from_lidar": {"translation": [0, 0, 1.8], "rotation": [1, 0, 0, 0]}},
}  # fmt: skip


def targets(folder: Path) -> dict[str, Target]:
    """All kinds by name.

    Args:
        folder: the one that each will work in, for code that would leave a marker there.
    """
    pickles = zip_mutation(f"touch {folder}/marker")
    words = options_mutation(_keys(), f"{folder}/marker")
    kinds = (
        Target("tables", _tables, (f"{VERSION}/*.json",), mutated_json, _use_tables),
        Target("index-header", _index, ("cache/index/*/header.json",), mutated_json, _use_index),
        Target("index-columns", _index, ("cache/index/*/*/*.npy",), mutated_bytes, _use_index),
        Target("safetensors", _weights, ("w.safetensors",), mutated_start, _use_weights),
        Target("weights-zip", _zips, ("w.pth", "w.npz"), pickles, _use_weights),
        Target("torchscript", _torchscript, ("w.pt",), pickles, _use_torchscript),
        Target("checkpoint", _checkpoint, ("iter_1.pth",), pickles, _use_checkpoint),
        Target("detector", _detector, ("config.json",), mutated_json, load_detector_here),
        Target("model", _model, ("config.json",), mutated_json, from_pretrained),
        Target("shards", _shards, ("*.json",), mutated_json, _use_source),
        Target("detections", _detections, ("boxes.json",), mutated_json, _use_boxes),
        Target("tracks", _tracks, ("boxes.json",), mutated_json, _use_boxes),
        Target("coco", _coco, ("annotations/*.json",), mutated_json, _use_coco),
        Target("coco-results", _coco, ("results.json",), mutated_json, _use_coco),
        Target("rig", _rig, ("rig.json",), mutated_json, lambda at: load_rig(at / "rig.json")),
        Target("options", _options, ("words",), words, _use_options),
        Target("metafile", _metafile, ("metafile.yml",), mutated_bytes, published_detectors),
        Target("images", _coco, ("val2017/*",), mutated_bytes, _use_images),
        Target("png-chunks", _coco, ("val2017/*.png",), mutated_png, _use_images),
        Target("image-headers", _coco, ("val2017/*",), mutated_start, _use_images),
    )  # fmt: skip
    return {kind.name: kind for kind in kinds}


def _tables(at: Path) -> None:
    write_tables(at, make_tables(SMALL))
    (at / VERSION / "splits.json").write_text(json.dumps({"mine": ["scene-0000"]}))


def _use_tables(at: Path) -> None:
    report = verify_dataset(at, VERSION, files=False)
    report.lines()
    shutil.rmtree(at / "cache", ignore_errors=True)
    _walk(open_index(at, VERSION, at / "cache"))


def _walk(index: NuScenesIndex) -> None:
    """Reads everything that an index has."""
    index.scenes()
    rows = index.samples_of_split("mine")
    index.images_of(rows)
    index.earlier_images_of(rows, 0, 2)
    index.follows(rows)
    for row in range(len(index)):
        sample = index.sample(row)
        index.row_of(sample.token)
        for camera in sample.cameras:
            for number in index.history(row, camera.channel):
                index.image(number)


def _index(at: Path) -> None:
    _tables(at)
    ensure_index(at, VERSION, at / "cache")


def _use_index(at: Path) -> None:
    _walk(open_index(at, VERSION, at / "cache", build=False))


def _state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"a.weight": torch.rand(4, 5), "a.bias": torch.rand(4), "steps": torch.tensor(7)}


def _weights(at: Path) -> None:
    save_file(_state(), at / "w.safetensors")


def _zips(at: Path) -> None:
    torch.save({"state_dict": _state(), "meta": {"epoch": 3}}, at / "w.pth")
    np.savez(at / "w.npz", **{key: value.numpy() for key, value in _state().items()})


def _use_weights(at: Path) -> None:
    for path in at.glob("w.*"):
        read_weights(path)


def _torchscript(at: Path) -> None:
    torch.manual_seed(0)
    torch.jit.save(torch.jit.script(torch.nn.Linear(4, 5)), str(at / "w.pt"))


def _use_torchscript(at: Path) -> None:
    """Reads the archive as `drivetr convert --allow-torchscript` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that code of the archive runs
        read_source(at / "w.pt", allow_torchscript=True)


def _checkpoint(at: Path) -> None:
    spec = DetectorSpec.of_config(load_config(PETR))
    weights = spec.build_detector()[0].state_dict()
    model = {f"detector.{key}": value for key, value in weights.items()}
    state = {"iteration": 1, "spec": spec.to_data(), "model": model, "ema": None}
    save_checkpoint(state, at, keep=1)


def _use_checkpoint(at: Path) -> None:
    load_detector(at / "iter_1.pth", "cpu")


def _detector(at: Path) -> None:
    spec = DetectorSpec.of_config(load_config(PETR))
    origin = Origin("petr", "petr.pth", "0" * 64, "averaged", "petr", "petr", "verified")
    write_detector(at, spec.build_detector()[0], spec, origin)


def load_detector_here(at: Path) -> None:
    """Loads a converted detector, and opens no dataset."""
    load_detector(at, "cpu")


def _model(at: Path) -> None:
    description = {"format": 1, "family": "vit", "name": "vit", "settings": _VIT}
    (at / "config.json").write_text(json.dumps(description))
    save_file(FAMILIES["vit"].build(_VIT).state_dict(), at / "model.safetensors")


def _shards(at: Path) -> None:
    state = _state()
    for number, key in enumerate(state):
        save_file({key: state[key]}, at / f"part-{number}.safetensors")
    places = {key: f"part-{number}.safetensors" for number, key in enumerate(state)}
    (at / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (at / "config.json").write_text(json.dumps({"model_type": "vit", "hidden_size": 4}))


def _use_source(at: Path) -> None:
    read_source(at)


def _detections(at: Path) -> None:
    write_track_world(at)
    _write_boxes(at, true_detections(at))


def _tracks(at: Path) -> None:
    write_track_world(at)
    _write_boxes(at, true_tracks(at))


def _write_boxes(at: Path, content: dict[str, Any]) -> None:
    """A submission with so few boxes that a change hits every field of one now and then."""
    few = {token: boxes[:2] for token, boxes in list(content["results"].items())[:3]}
    (at / "boxes.json").write_text(json.dumps({**content, "results": few}))


def _use_boxes(at: Path) -> None:
    read_boxes(at / "boxes.json")


def _coco(at: Path) -> None:
    write_small_coco(at, ("val2017",))
    results = [
        {"image_id": number, "category_id": kind, "bbox": list(box), "score": 0.5}
        for number, _, _, objects in IMAGES
        for kind, *box, _ in objects
    ]
    (at / "results.json").write_text(json.dumps(results))


def _use_coco(at: Path) -> None:
    truth = at / "annotations/instances_val2017.json"
    read_annotations(truth)
    evaluate_results(at / "results.json", truth)


def _use_images(at: Path) -> None:
    for path in (at / "val2017").iterdir():
        header = read_image_header(path)
        if header.width * header.height < 2**20:
            decode_image_file(path)


def _rig(at: Path) -> None:
    (at / "rig.json").write_text(json.dumps(_RIG))


def _keys() -> list[str]:
    """Dotted names of a config's numbers and parts."""
    config = load_config(PETR)
    keys = []
    for name, value in vars(config).items():
        keys.append(name)
        if isinstance(value, dict):
            keys += [f"{name}.{key}" for key in value]
            keys += [f"{name}.{k}.{i}" for k, v in value.items() if isinstance(v, dict) for i in v]
    return sorted(set(keys) - {"file"})


def _options(at: Path) -> None:
    (at / "words").write_bytes(b"seed=1")


def _use_options(at: Path) -> None:
    """Builds what the words say, but no model so large that building it takes for ever.

    drivetr builds such a one, too, where its user asks for it.
    """
    pairs = os.fsdecode((at / "words").read_bytes()).splitlines()
    config = load_config(PETR, parse_options(pairs))
    with within_weights({}, "the words"):
        DetectorSpec.of_config(config).build_detector()


def _metafile(at: Path) -> None:
    text = (configs_folder() / "metafile.yml").read_text(encoding="utf-8")
    (at / "metafile.yml").write_text(text[:3000].rpartition("\n  ")[0] + "\n")
