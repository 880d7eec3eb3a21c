import os

import pytest

from drivetr.errors import DrivetrError
from drivetr.files import atomic_text, require_local, require_writable


class TestAtomicText:
    def test_makes_the_folder_and_the_file(self, tmp_path):
        with atomic_text(tmp_path / "new/folder/a.json") as file:
            file.write("é")
            assert not (tmp_path / "new/folder/a.json").exists()
        assert (tmp_path / "new/folder/a.json").read_text(encoding="utf-8") == "é"
        assert os.listdir(tmp_path / "new/folder") == ["a.json"]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_exception_leaves_the_earlier_file(self, tmp_path, error):
        (tmp_path / "a.json").write_text("earlier")

        def fail():
            with atomic_text(tmp_path / "a.json") as file:
                file.write("half of it")
                raise error

        with pytest.raises(error):
            fail()
        assert (tmp_path / "a.json").read_text() == "earlier"
        assert os.listdir(tmp_path) == ["a.json"]

    def test_permissions_follow_the_umask(self, tmp_path):
        (tmp_path / "plain").touch()
        with atomic_text(tmp_path / "a.json"):
            pass
        assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode

    def test_user_errors(self, tmp_path):
        with pytest.raises(DrivetrError, match="is a folder"), atomic_text(tmp_path):
            pass
        (tmp_path / "file").touch()
        with (
            pytest.raises(DrivetrError, match="cannot be written"),
            atomic_text(tmp_path / "file/a.json"),
        ):
            pass


class TestRequireWritable:
    def test_a_place_that_is_or_can_be_made(self, tmp_path):
        require_writable(tmp_path / "a.json")
        require_writable(tmp_path / "new/folder/a.json")
        assert os.listdir(tmp_path) == []

    def test_a_folder_and_a_file_in_the_way(self, tmp_path):
        with pytest.raises(DrivetrError, match="is a folder"):
            require_writable(tmp_path)
        (tmp_path / "file").write_text("")
        with pytest.raises(DrivetrError, match="file is a file"):
            require_writable(tmp_path / "file/deeper/a.json")

    def test_a_name_that_tells_another_format(self, tmp_path):
        require_writable(tmp_path / "a.PNG", ".png")
        with pytest.raises(DrivetrError, match=r"a\.jpg: expected a name that ends in \.png"):
            require_writable(tmp_path / "a.jpg", ".png")


@pytest.mark.parametrize("address", ["s3://bucket/a", "https://example.org/a", "s3:/bucket/a"])
def test_an_address_is_no_local_path(address):
    shown = address.replace(":/bucket", "://bucket")
    with pytest.raises(DrivetrError, match=f"{shown} is an address, but drivetr reads local"):
        require_local(address)


def test_a_local_path_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:/bucket").mkdir(parents=True)
    for path in ("s3:/bucket", "data:set/a", "/data/a", "a", "", tmp_path):
        require_local(path)
