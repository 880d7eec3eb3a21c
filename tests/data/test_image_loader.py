"""The rule for images that are missing, broken, of another size, or outside the dataroot."""

import logging

import numpy as np
import pytest
from PIL import Image

from drivetr.data.image_loader import ImageLoader
from drivetr.errors import DrivetrError


@pytest.fixture
def dataroot(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in ("good.jpg", "other.jpg"):
        Image.fromarray(np.full((30, 40, 3), 99, np.uint8)).save(root / name)
    (root / "empty.jpg").touch()
    (root / "cut.jpg").write_bytes((root / "good.jpg").read_bytes()[:-40])
    return root


class TestRequire:
    def test_present_or_tolerant(self, dataroot):
        ImageLoader(dataroot, 2).require(["good.jpg", "other.jpg"])
        ImageLoader(dataroot, 2, "tolerant").require(["good.jpg", "none.jpg"])

    def test_a_folder_that_leads_out_is_refused_before_the_run(self, dataroot, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk/a.jpg").write_bytes((dataroot / "good.jpg").read_bytes())
        (dataroot / "CAM").symlink_to(tmp_path / "disk")
        with pytest.raises(DrivetrError, match="leaves the dataroot"):
            ImageLoader(dataroot, 1).require(["CAM/a.jpg"])


class TestStrict:
    def test_good_image(self, dataroot):
        assert ImageLoader(dataroot, 4).load("good.jpg", 30, 40).shape == (3, 30, 40)

    @pytest.mark.parametrize("name", ["gone.jpg", "empty.jpg", "cut.jpg"])
    def test_broken_image_ends_with_its_name(self, dataroot, name):
        with pytest.raises(DrivetrError, match=name):
            ImageLoader(dataroot, 4).load(name, 30, 40)


class TestTolerant:
    @pytest.mark.parametrize("name", ["gone.jpg", "empty.jpg", "cut.jpg"])
    def test_broken_image_is_done_without(self, dataroot, name):
        loader = ImageLoader(dataroot, 100, "tolerant")
        assert loader.load(name, 30, 40) is None
        assert list(loader.broken) == [name]

    def test_is_said_once(self, dataroot, caplog):
        loader = ImageLoader(dataroot, 1000, "tolerant")
        with caplog.at_level(logging.WARNING):
            for name in ("gone.jpg", "cut.jpg", "gone.jpg"):
                loader.load(name, 30, 40)
        assert len(caplog.records) == 1
        assert "gone.jpg" in caplog.text

    def test_limit_counts_files_not_attempts(self, dataroot):
        loader = ImageLoader(dataroot, 100, "tolerant", limit=0.01)
        for _ in range(5):
            assert loader.load("gone.jpg", 30, 40) is None
        with pytest.raises(DrivetrError, match=r"2 of 100 images.*1\.00%.*gone.*cut"):
            loader.load("cut.jpg", 30, 40)


class TestSize:
    def test_another_size_is_refused(self, dataroot):
        for missing in ("strict", "tolerant"):
            with pytest.raises(DrivetrError, match=r"good\.jpg: is 40x30 pixels.*1600x900"):
                ImageLoader(dataroot, 4, missing).load("good.jpg", 900, 1600)

    def test_another_size_on_request(self, dataroot):
        image = ImageLoader(dataroot, 4, rescale=True).load("good.jpg", 900, 1600)
        assert image.shape == (3, 30, 40)


class TestPaths:
    @pytest.mark.parametrize("missing", ["strict", "tolerant"])
    @pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "link.jpg", "a\0b.jpg"])
    def test_names_that_leave_the_dataroot_are_never_opened(self, dataroot, missing, name):
        secret = dataroot.parent / "secret.jpg"
        secret.write_bytes((dataroot / "good.jpg").read_bytes())
        (dataroot / "link.jpg").symlink_to(secret)
        with pytest.raises(DrivetrError, match="dataroot"):
            ImageLoader(dataroot, 4, missing).load(name, 30, 40)


def test_unknown_rule(dataroot):
    with pytest.raises(DrivetrError, match="'strict' or 'tolerant'"):
        ImageLoader(dataroot, 4, "lax")
