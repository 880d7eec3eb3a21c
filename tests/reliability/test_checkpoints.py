"""Rows 36 to 41: files of weights and infos that are hostile, cut, or of something else."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.kill_resume import differences
from drivetr.engine.checkpoint import list_checkpoints, read_checkpoint
from tests.cli.replay_world import random_checkpoint
from tests.data.coco.small import write_small_coco
from tests.reliability.command import TINY, TINY_COCO, TINY_PETR, accepted, refused, training
from tests.reliability.payload import (
    armed,
    write_npz,
    write_old_torch,
    write_pickle,
    write_torch,
)
from tests.reliability.world import VERSION, World

SHORT = ("--cfg-options", "schedule.iterations=8", "train_data.num_workers=0")
PETR_MODEL = ("--model", "petr_vov_p4_320x800", "--box-convention", "petr")


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    root = write_small_coco(tmp_path_factory.mktemp("coco") / "small")
    return ["--dataroot", root, "--version", "2017"]


def names(world: World) -> list[str | Path]:
    return ["--dataroot", world.root, "--version", VERSION, "--split", "all"]


@pytest.mark.parametrize("door", [
    "evaluate", "track", "replay", "analyze", "test", "convert", "config", "init",
    "resume", "ann_file",
])  # fmt: skip
def test_row_36_malicious_info_file(world: World, tmp_path: Path, door: str):
    payload = armed(tmp_path / "marker")
    infos = tmp_path / "infos.pkl"
    with infos.open("wb") as file:
        write_pickle(file, {"infos": [payload], "metadata": {}})
    run, out = tmp_path / "run", tmp_path / ("out.html" if door == "replay" else "out.json")
    world.write()
    command = {
        "evaluate": ["evaluate", infos, *names(world), "--out", out],
        "track": ["track", infos, *names(world), "--out", out],
        "replay": ["replay", world.root, "--version", VERSION, "--results", infos, "--html", out],
        "analyze": ["analyze", infos, *names(world), "--json", out],
        "test": ["test", infos, *names(world), "--out", out],
        "convert": ["convert", infos, *PETR_MODEL, "--out", out],
        "config": training(infos, run),
        "init": training(TINY, run, *SHORT, f"model.backbone.init={infos}"),
        "resume": training(TINY, run, *SHORT, "--resume", infos),
        # How mmdetection3d is told of such a file; drivetr has nothing that reads one.
        "ann_file": training(
            TINY_PETR, run, *names(world), "--cfg-options", f"train_data.ann_file={infos}"
        ),
    }[door]
    said = refused(*command)
    assert (str(infos) if door != "ann_file" else "has no argument 'ann_file'") in said
    assert not payload.marker.exists()
    assert not list(run.rglob("*.pth"))
    assert not out.exists()


@pytest.mark.parametrize("door", ["test", "replay", "convert", "resume", "auto", "init"])
@pytest.mark.parametrize("write", [write_torch, write_old_torch, write_pickle, write_npz])
def test_row_37_malicious_checkpoint(world: World, tmp_path: Path, door: str, write):
    payload = armed(tmp_path / "marker")
    run, out = tmp_path / "run", tmp_path / ("out.html" if door == "replay" else "out")
    world.write()
    run.mkdir()
    # All that a checkpoint of drivetr has, and in the optimizer's state what should not be there.
    content = {"format": 1, "iteration": 9, "spec": {}, "model": {"w": torch.ones(2)}, "ema": None}
    suffix = ".npz" if write is write_npz and door in ("convert", "init") else ".pth"
    evil = run / f"iter_9{suffix}"
    with evil.open("wb") as file:
        write(file, content | {"optimizer": {"state": payload}})
    command = {
        "test": ["test", evil, *names(world), "--out", out],
        "replay": ["replay", world.root, "--version", VERSION, "--checkpoint", evil, "--html", out],
        "convert": ["convert", evil, *PETR_MODEL, "--out", out],
        "resume": training(TINY, tmp_path / "other", *SHORT, "--resume", evil),
        "auto": training(TINY, run, *SHORT, "--resume"),
        "init": training(TINY, tmp_path / "other", *SHORT, f"model.backbone.init={evil}"),
    }[door]
    assert evil.name in refused(*command)
    assert not payload.marker.exists()
    assert not out.exists()
    assert not list((tmp_path / "other").rglob("*.pth"))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_row_38_truncated_checkpoint(tmp_path: Path, share: float):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for run in (whole, cut):
        accepted(*training(TINY, run, *SHORT))
    newest = cut / "iter_8.pth"
    newest.write_bytes(newest.read_bytes()[: int(newest.stat().st_size * share)])
    said = accepted(*training(TINY, cut, *SHORT, "--resume"))
    assert f"checkpoint {newest} is cut off" in said
    assert "falling back to an earlier one" in said
    assert f"Resuming from {cut / 'iter_4.pth'} after iteration 4" in said
    assert differences(cut, whole) == []


def test_row_39_checkpoint_of_another_architecture(coco: list[str | Path], tmp_path: Path):
    detr = random_checkpoint(TINY_COCO, tmp_path / "detr")
    said = refused("test", TINY_PETR, detr, *coco, "--split", "val2017", table=True)
    assert f"{TINY_PETR} with {detr}: the weights do not fit PETR" in said
    for fault in ("missing", "unexpected", "wrong shape"):
        assert f"\n{fault} " in said
    assert "head." in said, "the table has the names"
    assert said.endswith(f"without a config {detr} builds its own model")

    run = tmp_path / "run"
    accepted(*training(TINY, run, *SHORT))
    before = list_checkpoints(run)
    said = refused(*training(TINY, run, *SHORT, "model.num_queries=5", "--resume"))
    assert "--resume: the config's model.num_queries is not that of the run so far" in said
    assert "model.init=PATH" in said
    assert list_checkpoints(run) == before


def test_row_40_class_head_of_other_classes(coco: list[str | Path], tmp_path: Path):
    ten = random_checkpoint(TINY_COCO, tmp_path / "ten", {"model.num_classes": 10})
    said = refused("test", TINY_COCO, ten, *coco, "--split", "val2017", table=True)
    assert "class_embed.weight [11, 16], expected [4, 16]" in said

    run = tmp_path / "run"
    still = ("schedule.iterations=1", "optimizer.lr=1e-12")
    train = training(TINY_COCO, run, *coco, "--cfg-options", *still, f"model.init={ten}")
    said = refused(*train, table=True)
    assert "class_embed.weight [11, 16], expected [4, 16]" in said
    assert said.endswith("--allow-head-mismatch starts these layers afresh")
    assert not list(run.rglob("*.pth"))

    said = accepted(*train, "--allow-head-mismatch")
    assert (
        "fresh            2  class_embed.weight [11, 16], expected [4, 16], class_embed.bias"
        in said
    )
    old, new = read_checkpoint(ten)["model"], read_checkpoint(run / "last.pth")["model"]
    for name, weight in old.items():
        if "class_embed" in name:
            assert len(weight) == 11
            assert len(new[name]) == 4
        elif "running_" not in name and "num_batches" not in name:
            torch.testing.assert_close(new[name], weight, atol=1e-6, rtol=0)

    # Nothing but a last layer may differ.
    queries = [*train, "model.num_queries=9", "--allow-head-mismatch"]
    queries[queries.index(run)] = tmp_path / "other"
    said = refused(*queries, table=True)
    assert "query_embed.weight [6, 16], expected [9, 16]" in said
    assert "--allow-head-mismatch" not in said


FLOATS = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
LIES = {
    "an end far behind the file": ({"a": FLOATS | {"data_offsets": [0, 1 << 40]}}, 16),
    "a file that ends too early": ({"a": FLOATS}, 8),
    "a negative offset": ({"a": FLOATS | {"data_offsets": [-16, 0]}}, 16),
    "two tensors in one place": ({"a": FLOATS, "b": FLOATS}, 16),
    "a hole": ({"a": FLOATS, "b": FLOATS | {"data_offsets": [32, 48]}}, 48),
    "bytes behind the last tensor": ({"a": FLOATS}, 99),
    "a shape of more numbers than there are bytes": ({"a": FLOATS | {"shape": [1 << 20]}}, 16),
    "a shape whose size overflows": ({"a": FLOATS | {"shape": [1 << 62, 8]}}, 16),
    "a type that does not exist": ({"a": FLOATS | {"dtype": "F128"}}, 16),
    "a header that is no JSON": (b"{{{", 16),
    "a header that is no text": (b"\xff\xfe", 16),
    "no header": (b"", 0),
}  # fmt: skip


def write_lie(path: Path, header: object, size: int, length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + text + bytes(size))


@pytest.mark.parametrize("lie", [*LIES, "a header longer than the file", "a header of 2^63 bytes"])
def test_row_41_safetensors_header_that_lies(tmp_path: Path, lie: str):
    lengths = {"a header longer than the file": 1 << 30, "a header of 2^63 bytes": 1 << 63}
    header, size = LIES.get(lie, ({"a": FLOATS}, 16))
    # The same bytes without a lie are read.
    save_file({"a": torch.zeros(4)}, tmp_path / "true.safetensors")
    run = tmp_path / "run"
    said = refused(*training(TINY, run, *SHORT, f"model.init={tmp_path / 'true.safetensors'}"))
    assert "the first one is 'a'" in said

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text('{"format": 1, "family": "detector"}')
    file = tmp_path / "lie.safetensors"
    inside = folder / "model.safetensors"
    for path in (file, inside):
        write_lie(path, header, size, lengths.get(lie))
    for path, command in (
        (file, training(TINY, run, *SHORT, f"model.init={file}")),
        (file, ["convert", file, *PETR_MODEL, "--out", tmp_path / "out"]),
        (inside, ["test", folder, "--device", "cpu"]),
    ):
        assert f"{path}: not a safetensors file (" in refused(*command)
    assert not list(run.rglob("*.pth"))
    assert not (tmp_path / "out").exists()
