"""Published files and folders, read through the door."""

import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from drivetr.engine.sources import read_source
from drivetr.errors import DrivetrError


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DrivetrError, match=r"has no model\.safetensors"):
        read_source(tmp_path)


def test_an_archive_of_arrays(tmp_path):
    np.savez(tmp_path / "w.npz", cls=np.ones((1, 1, 4), np.float32))
    assert read_source(tmp_path / "w.npz").weights["cls"].shape == (1, 1, 4)


def test_torchscript_runs_only_where_it_is_allowed(tmp_path):
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), str(path))
    with pytest.raises(DrivetrError, match="TorchScript archive.* --allow-torchscript"):
        read_source(path)
    with pytest.warns(UserWarning, match="runs the TorchScript code"):
        assert set(read_source(path, allow_torchscript=True).weights) == {"weight", "bias"}


def test_a_broken_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/code/x.py", "nonsense")
    with pytest.raises(DrivetrError, match="cannot be read"), pytest.warns(match="TorchScript"):
        read_source(tmp_path / "w.pt", allow_torchscript=True)


def test_a_broken_archive_whose_error_is_no_text(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), str(tmp_path / "whole.pt"))
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as whole,
        zipfile.ZipFile(tmp_path / "w.pt", "w") as archive,
    ):
        for name in whole.namelist():
            damage = b"\xe4" if name.endswith(".py") else b""
            archive.writestr(name, damage + whole.read(name))
    with pytest.raises(DrivetrError, match="cannot be read"), pytest.warns(match="TorchScript"):
        read_source(tmp_path / "w.pt", allow_torchscript=True)


class TestFolders:
    @pytest.fixture
    def sharded(self, tmp_path):
        """As transformers writes models above its largest size of one file."""
        parts = {"model-1.safetensors": ["a", "b"], "model-2.safetensors": ["c"]}
        for file, names in parts.items():
            save_file({name: torch.full((2,), ord(name) / 1.0) for name in names}, tmp_path / file)
        (tmp_path / "config.json").write_text('{"model_type": "vit"}')
        places = {name: file for file, names in parts.items() for name in names}
        self.write(tmp_path, places)
        return tmp_path, places

    @staticmethod
    def write(folder, places):
        index = {"metadata": {"total_size": 24}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    def test_parts(self, sharded):
        source = read_source(sharded[0])
        assert source.config == {"model_type": "vit"}
        assert {k: t[0].item() for k, t in source.weights.items()} == {"a": 97, "b": 98, "c": 99}

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"c": "../model-2.safetensors"}, "expected a .safetensors file beside it"),
            ({"c": "/etc/passwd"}, "expected a .safetensors file beside it"),
            ({"c": "model-2.pth"}, "expected a .safetensors file beside it"),
            ({"c": 3}, "expected a .safetensors file beside it"),
            ({"c": "model-3.safetensors"}, r"model-3\.safetensors: there is no such"),
            ({"d": "model-2.safetensors"}, "says otherwise than model-2.safetensors .* 'd'"),
            ({"c": "model-1.safetensors"}, "says otherwise than model-1.safetensors .* 'c'"),
        ],
    )
    def test_an_index_that_is_wrong(self, sharded, change, said):
        folder, places = sharded
        self.write(folder, places | change)
        with pytest.raises(DrivetrError, match=said):
            read_source(folder)

    def test_an_index_of_nothing(self, sharded):
        folder, _ = sharded
        self.write(folder, {})
        with pytest.raises(DrivetrError, match="has no weight_map"):
            read_source(folder)

    @pytest.mark.parametrize("content", ["[" * 10**5, "{", "\x00", "[1]", " " * (2**24 + 1)])
    def test_descriptions_that_are_none(self, sharded, content):
        folder, _ = sharded
        (folder / "config.json").write_text(content)
        with pytest.raises(DrivetrError, match=r"config\.json: (is|found)"):
            read_source(folder)
