"""Checkpoint files: whole or not there, and never code."""

import errno
import os
import zipfile

import pytest
import torch

from drivetr.engine.checkpoint import (
    latest_checkpoint,
    list_checkpoints,
    read_checkpoint,
    remove_leftovers,
    save_checkpoint,
)
from drivetr.errors import DrivetrError
from tests.engine.published_files import mmcv_file


def state(iteration: int) -> dict:
    generator = torch.Generator().manual_seed(iteration)
    weights = {"w": torch.rand(50, 50, generator=generator)}
    return {"iteration": iteration, "spec": {}, "model": weights}


class TestSave:
    def test_reads_back(self, tmp_path):
        path = save_checkpoint(state(3), tmp_path, keep=2)
        content = read_checkpoint(path)
        assert content["iteration"] == 3
        torch.testing.assert_close(content["model"], state(3)["model"], rtol=0, atol=0)
        assert read_checkpoint(tmp_path / "last.pth")["iteration"] == 3

    def test_keeps_the_newest(self, tmp_path):
        for iteration in (8, 9, 10, 11):
            save_checkpoint(state(iteration), tmp_path, keep=2)
        assert [p.name for p in list_checkpoints(tmp_path)] == ["iter_11.pth", "iter_10.pth"]
        assert (tmp_path / "last.pth").resolve().name == "iter_11.pth"

    def test_full_disk_keeps_the_old_checkpoint(self, tmp_path, monkeypatch):
        save_checkpoint(state(1), tmp_path, keep=1)

        def fail(content, file):
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises(DrivetrError, match=r"iter_2.pth cannot be written .*No space"):
            save_checkpoint(state(2), tmp_path, keep=1)
        assert read_checkpoint(tmp_path / "last.pth")["iteration"] == 1
        assert sorted(os.listdir(tmp_path)) == ["iter_1.pth", "last.pth"]

    def test_leftovers_of_a_killed_process_go(self, tmp_path):
        save_checkpoint(state(1), tmp_path, keep=2)
        (tmp_path / ".iter_2.tmp.pth").write_bytes(b"half")
        (tmp_path / ".last.tmp.pth").symlink_to("iter_2.pth")
        remove_leftovers(tmp_path)
        assert sorted(os.listdir(tmp_path)) == ["iter_1.pth", "last.pth"]


class TestRead:
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
    def test_cut_off(self, tmp_path, share):
        path = save_checkpoint(state(1), tmp_path, keep=1)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DrivetrError, match="damaged|cut off"):
            read_checkpoint(path)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
    def test_one_wrong_bit(self, tmp_path, share):
        path = save_checkpoint(state(1), tmp_path, keep=1)
        data = bytearray(path.read_bytes())
        data[int(len(data) * share)] ^= 4
        path.write_bytes(data)
        with pytest.raises(DrivetrError, match="damaged|cut off"):
            read_checkpoint(path)

    def test_code_is_refused_and_not_run(self, tmp_path):
        marker = tmp_path / "marker"

        class Payload:
            def __reduce__(self):
                return os.system, (f"touch {marker}",)

        torch.save({"format": 1, "spec": Payload()}, tmp_path / "evil.pth")
        with pytest.raises(DrivetrError, match=r"no checkpoint of drivetr train.*system.*refused"):
            read_checkpoint(tmp_path / "evil.pth")
        assert not marker.exists()

    def test_an_archive_that_begins_nowhere(self, tmp_path):
        """A list of contents that says to begin before the file does: an OSError of zipfile."""
        path = save_checkpoint(state(1), tmp_path, keep=1)
        data = bytearray(path.read_bytes())
        end = data.rindex(b"PK\x06\x06")
        data[end + 40 : end + 48] = b"\xff\xff\xff\xff\xff\xff\xff\x7f"  # size of that list
        path.write_bytes(data)
        with pytest.raises(DrivetrError, match="cut off, or no checkpoint"):
            read_checkpoint(path)

    def test_an_archive_that_would_fill_the_memory(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "c.pth", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("c/data/0", bytes(2**27))
        with pytest.raises(DrivetrError, match="would unpack to 0.1 GiB, more than 50 times"):
            read_checkpoint(tmp_path / "c.pth")

    def test_members_that_climb_out_are_not_written(self, tmp_path):
        path = save_checkpoint(state(1), tmp_path / "run", keep=1)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("../../climbed", "up")
            archive.writestr(f"{tmp_path}/absolute", "up")
        with pytest.raises(DrivetrError, match="is no checkpoint of drivetr train"):
            read_checkpoint(path)
        assert sorted(os.listdir(tmp_path)) == ["run"]

    @pytest.mark.parametrize("part", ["optimizer", "rng", "log"])
    def test_code_in_any_part(self, tmp_path, part):
        marker = tmp_path / "marker"

        class Payload:
            def __reduce__(self):
                return os.system, (f"touch {marker}",)

        torch.save({"format": 1, **state(1), part: {"state": [Payload()]}}, tmp_path / "c.pth")
        with pytest.raises(DrivetrError, match="not plain data, refused"):
            read_checkpoint(tmp_path / "c.pth")
        assert not marker.exists()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ({"model": {}}, "is no checkpoint of drivetr train; convert it first"),
            (torch.zeros(2), "is no checkpoint of drivetr train; convert it first"),
            ({"format": 99, "spec": {}}, "has format 99, this drivetr reads 1"),
        ],
    )
    def test_foreign_files(self, tmp_path, content, said):
        torch.save(content, tmp_path / "c.pth")
        with pytest.raises(DrivetrError, match=said):
            read_checkpoint(tmp_path / "c.pth")

    def test_a_published_file_has_to_be_converted(self, tmp_path):
        path = mmcv_file({"pts_bbox_head.code_weights": torch.ones(10)}, tmp_path / "petr.pth")
        with pytest.raises(DrivetrError) as caught:
            read_checkpoint(path)
        told = str(caught.value)
        assert "petr.pth is no checkpoint of drivetr train (objects of numpy." in told
        assert f"convert it first: drivetr convert {path} --model NAME --out DIR" in told
        assert told.endswith("and give the folder DIR")
        assert "add_safe_globals" not in told

    def test_no_file(self, tmp_path):
        with pytest.raises(DrivetrError, match="does not exist"):
            read_checkpoint(tmp_path / "c.pth")


class TestLatest:
    def test_none(self, tmp_path):
        assert latest_checkpoint(tmp_path) is None

    def test_newest_usable_one_with_a_word_on_the_others(self, tmp_path):
        for iteration in (9, 10, 11):
            path = save_checkpoint(state(iteration), tmp_path, keep=9)
        path.write_bytes(path.read_bytes()[:-100])
        found, content, damaged = latest_checkpoint(tmp_path)
        assert found.name == "iter_10.pth"
        assert content["iteration"] == 10
        assert len(damaged) == 1
        assert "iter_11.pth" in damaged[0]

    def test_none_usable(self, tmp_path):
        path = save_checkpoint(state(1), tmp_path, keep=9)
        path.write_bytes(b"")
        with pytest.raises(DrivetrError, match=r"no usable checkpoint.*iter_1.pth"):
            latest_checkpoint(tmp_path)
