"""Pictures open in another library and appear whole."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivetr.visual.png import write_png


def test_opens_with_the_same_pixels(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (31, 47, 3), dtype=np.uint8)
    write_png(tmp_path / "new" / "a.png", image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "a.png"))[..., ::-1], image)


def test_an_error_leaves_the_old_picture(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(TypeError):
        write_png(tmp_path / "a.png", np.zeros((4, 4, 7), dtype=np.complex64))
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
