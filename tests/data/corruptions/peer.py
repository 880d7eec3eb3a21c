"""The package `imagecorruptions`, whose definitions some corruptions follow.

It cannot be a dependency: it asks for opencv-python, which writes the same folder as the headless
OpenCV of the devkit, and imports pkg_resources, which setuptools 82 no longer has. Where somebody
has installed it beside them, `pip install --no-deps imagecorruptions scikit-image lazy_loader`,
pixels are compared; what it gave once stands in `test_weather.py` for everybody else.
"""

import importlib
import sys
import types

import numpy as np
import pytest


def peer_corruption(name: str, level: int, image: np.ndarray, seed: int) -> np.ndarray:
    """What the package makes of an image when its random numbers come from a seed."""
    return _draw_from(seed, lambda: _package().corrupt(image, level, name))


def peer_plasma(size: int, decay: float, seed: int) -> np.ndarray:
    return _draw_from(seed, lambda: _package().corruptions.plasma_fractal(size, decay))


def _draw_from(seed: int, work):
    rng = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "uniform", rng.uniform)
        patch.setattr(np.random, "normal", rng.normal)
        return work()


def _package():
    """The package; only its `frost`, which is not used, needs pkg_resources."""
    if "pkg_resources" not in sys.modules:
        with pytest.MonkeyPatch.context() as patch:
            stand_in = types.ModuleType("pkg_resources")
            stand_in.resource_filename = None
            patch.setitem(sys.modules, "pkg_resources", stand_in)
            return _imported()
    return _imported()


def _imported():
    if importlib.util.find_spec("imagecorruptions") is None:
        pytest.skip("imagecorruptions is not installed, see tests/data/corruptions/peer.py")
    return importlib.import_module("imagecorruptions")
