import collections
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.weights import load_weights, read_weights


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {k: torch.rand(v.shape).to(v.dtype) for k, v in net().state_dict().items()}


class Malicious:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


class TestReadWeights:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda w: w,
            lambda w: collections.OrderedDict(w),
            lambda w: {"state_dict": w, "optimizer": {"lr": 1e-4}},
            lambda w: {"model": w, "epoch": 3},
            lambda w: {"state_dict": w, "meta": {"lr": np.float64(0.1), "it": np.int64(3)}},
        ],
    )
    def test_pth(self, tmp_path: Path, wrap) -> None:
        torch.save(wrap(weights()), tmp_path / "w.pth")
        found = read_weights(tmp_path / "w.pth")
        assert found.keys() == weights().keys()
        assert all(torch.equal(found[k], v) for k, v in weights().items())

    def test_old_format_of_pth(self, tmp_path: Path) -> None:
        torch.save(weights(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
        assert torch.equal(read_weights(tmp_path / "w.pth")["0.weight"], weights()["0.weight"])

    def test_safetensors(self, tmp_path: Path) -> None:
        save_file(weights(), tmp_path / "w.safetensors")
        found = read_weights(tmp_path / "w.safetensors")
        assert all(torch.equal(found[k], v) for k, v in weights().items())

    def test_code_is_not_run(self, tmp_path: Path) -> None:
        touched = tmp_path / "touched"
        torch.save({"state_dict": weights(), "meta": Malicious(touched)}, tmp_path / "w.pth")
        with pytest.raises(DrivetrError, match="never runs.*state dict"):
            read_weights(tmp_path / "w.pth")
        assert not touched.exists()

    def test_bare_pickle_is_not_run(self, tmp_path: Path) -> None:
        touched = tmp_path / "touched"
        (tmp_path / "w.pth").write_bytes(pickle.dumps(Malicious(touched)))
        with pytest.raises(DrivetrError, match=r"w\.pth"):
            read_weights(tmp_path / "w.pth")
        assert not touched.exists()

    def test_absent_file(self, tmp_path: Path) -> None:
        with pytest.raises(DrivetrError, match="no such weight file"):
            read_weights(tmp_path / "w.pth")

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_truncated_file(self, tmp_path: Path, name: str, share: float) -> None:
        path = tmp_path / name
        (save_file if path.suffix == ".safetensors" else torch.save)(weights(), path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DrivetrError, match="fetch it again|never runs"):
            read_weights(path)

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    @pytest.mark.parametrize("content", [b"hello", b"<html>404</html>", bytes(range(256))])
    def test_something_else(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DrivetrError, match=f"{name}: (not a|holds)"):
            read_weights(tmp_path / name)

    @pytest.mark.parametrize("content", [[1, 2], {}, {"a": 3}, {"state_dict": {"a": "b"}}])
    def test_no_state_dict(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(DrivetrError, match="state dict|expected a tensor"):
            read_weights(tmp_path / "w.pth")


class TestLoadWeights:
    def test_loads_everything(self) -> None:
        module = net()
        report = load_weights(module, weights())
        assert report.complete
        assert len(report.loaded) == len(weights())
        assert all(torch.equal(v, weights()[k]) for k, v in module.state_dict().items())

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (lambda w: w.pop("0.bias"), "missing"),
            (lambda w: w.update({"0.gain": torch.zeros(1)}), "unexpected"),
            (lambda w: w.update({"0.bias": torch.zeros(4)}), "wrong shape"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_changes(self, change, field: str) -> None:
        module, given = net(), weights()
        before = {k: v.clone() for k, v in module.state_dict().items()}
        change(given)
        with pytest.raises(DrivetrError, match=rf"{field}\s+1  0\.(bias|gain)"):
            load_weights(module, given)
        assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())

    def test_key_map_renames_and_drops(self) -> None:
        given = {f"body.{k}": v for k, v in weights().items()} | {"fc.weight": torch.zeros(9)}
        report = load_weights(
            net(), given, lambda k: None if k.startswith("fc.") else k.removeprefix("body.")
        )
        assert report.ignored == ("fc.weight",)
        assert "ignored          1  fc.weight" in str(report)

    def test_two_tensors_for_one_parameter_conflict(self) -> None:
        given = weights() | {"x.0.bias": torch.zeros(3)}
        with pytest.raises(DrivetrError, match=r"conflicting\s+1  0\.bias"):
            load_weights(net(), given, lambda k: k.removeprefix("x."))

    def test_shared_parameters_must_agree(self) -> None:
        shared = nn.Linear(2, 2)
        module = nn.ModuleList([shared, shared])
        given = {k: torch.ones(v.shape) for k, v in module.state_dict().items()}
        assert load_weights(module, given).complete
        with pytest.raises(DrivetrError, match=r"conflicting\s+1  1\.bias"):
            load_weights(module, given | {"1.bias": torch.zeros(2)})

    def test_allowed_to_be_missing(self) -> None:
        module, given = net(), weights()
        del given["0.bias"], given["1.num_batches_tracked"]
        report = load_weights(module, given, allow_missing=("0.",))
        assert report.kept == ("0.bias", "1.num_batches_tracked")

    def test_half_precision_weights_are_widened(self) -> None:
        module = net()
        load_weights(module, {k: v.half() if v.dim() else v for k, v in weights().items()})
        assert module[0].weight.dtype == torch.float32

    def test_long_lists_are_cut(self) -> None:
        given = weights() | {f"extra.{i}": torch.zeros(1) for i in range(30)}
        with pytest.raises(DrivetrError, match=r"unexpected\s+30 .*extra\.7 … and 22 more"):
            load_weights(net(), given)
