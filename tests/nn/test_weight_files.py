"""Weight files, good and bad."""

import collections
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.weight_files import read_weights


def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return {k: torch.rand(v.shape).to(v.dtype) for k, v in net.state_dict().items()}


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
            lambda w: {"model": {"no": torch.zeros(1)}, "ema": w},
            lambda w: {"model": w, "ema": None},
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

    def test_npz(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "w.npz", **{"a/b": np.ones((1, 2), np.float32), "c": np.float32(3)})
        found = read_weights(tmp_path / "w.npz")
        assert torch.equal(found["a/b"], torch.ones(1, 2))
        assert found["c"].shape == ()

    @pytest.mark.parametrize(
        "array",
        [np.array([{}], dtype=object), np.array(["word"]), np.zeros(2, np.dtype("V2"))],
        ids=["pickle", "text", "raw"],
    )
    def test_arrays_that_are_no_numbers(self, tmp_path: Path, array) -> None:
        np.savez(tmp_path / "w.npz", a=array)
        with pytest.raises(DrivetrError, match="is no archive of plain arrays"):
            read_weights(tmp_path / "w.npz")

    def test_npz_that_is_none(self, tmp_path: Path) -> None:
        with (tmp_path / "w.npz").open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(DrivetrError, match="is no archive of plain arrays"):
            read_weights(tmp_path / "w.npz")


class TestHostileFiles:
    """Small files that ask for much memory."""

    @pytest.mark.parametrize("name", ["w.npz", "w.pth"])
    def test_archive_that_unpacks_to_much(self, tmp_path: Path, name: str) -> None:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("w/data/0", bytes(2**27))
        assert (tmp_path / name).stat().st_size < 2**18
        with pytest.raises(DrivetrError, match="would unpack to 0.1 GiB, more than 50 times"):
            read_weights(tmp_path / name)

    def test_archive_whose_contents_cannot_be_listed(self, tmp_path: Path) -> None:
        torch.save(weights(), tmp_path / "w.pth")
        content = bytearray((tmp_path / "w.pth").read_bytes())
        content[content.index(b"PK\x01\x02") + 6] = 204  # the version needed to unpack
        (tmp_path / "w.pth").write_bytes(content)
        with pytest.raises(DrivetrError, match=r"not a whole archive \(zip file version 20\.4"):
            read_weights(tmp_path / "w.pth")

    @pytest.mark.parametrize("count", [10**9, 10**13])
    def test_header_that_promises_more_numbers_than_there_are(self, tmp_path: Path, count) -> None:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (count,)}
        )
        with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
            archive.writestr("a.npy", header.getvalue() + bytes(64))
        with pytest.raises(DrivetrError, match="is no archive of plain arrays"):
            read_weights(tmp_path / "w.npz")

    @pytest.mark.parametrize(
        "tensor",
        [
            torch.zeros(1).expand(10**6, 10**6),
            torch.empty(10**6, 10**6, device="meta"),
            torch.sparse_coo_tensor([[0], [0]], [1.0], (10**6, 10**6)),
        ],
        ids=["one number for all", "meta", "sparse"],
    )
    def test_tensor_without_numbers_of_its_own(self, tmp_path: Path, tensor: Tensor) -> None:
        torch.save({"a": tensor}, tmp_path / "w.pth")
        with pytest.raises(DrivetrError, match="entry 'a' of shape .* is not a plain tensor"):
            read_weights(tmp_path / "w.pth")
