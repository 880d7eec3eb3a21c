import cv2
import numpy as np
import pytest
from PIL import Image

from drivetr.data.png_file import write_png


def test_holds_the_picture_and_the_bytes_of_opencv_s_writer(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_png(tmp_path / "Übung.png", image)
    assert (np.asarray(Image.open(tmp_path / "Übung.png"))[..., ::-1] == image).all()
    cv2.imwrite(str(tmp_path / "other.png"), image)
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "Übung.png").read_bytes()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OSError, match="absent"):
        write_png(tmp_path / "absent/a.png", np.zeros((2, 2), np.uint8))
