"""The environment's faults, each made with real metadata, modules and programs of its own."""

import sys
from pathlib import Path

import pytest

from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from drivetr.engine.doctor.environment import examine_environment, versions
from tests.engine.doctor.fake_packages import add_distribution, add_module

HEALTHY = "opencv-python-headless"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages are found before those that are installed."""
    monkeypatch.syspath_prepend(tmp_path)
    # A module that fails at once: the compiled ones are examined in a test of their own.
    add_module(tmp_path, "numpy", "raise ImportError('numpy is set aside')")
    return tmp_path


def told(part: str) -> Diagnosis:
    (found,) = [one for one in examine_environment() if part in one.found]
    return found


@pytest.mark.slow
def test_this_environment_works():
    found = examine_environment()
    assert [one.found for one in found if one.level is Level.ERROR] == []
    assert found[0].level is Level.OK
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}." in found[0].found
    assert all(one.remedy for one in found if one.level is not Level.OK)


def test_two_opencv_wheels(packages):
    add_distribution(packages, "opencv-python", "4.12.0.88")
    found = told("have written the same cv2/ folder")
    assert found.level is Level.WARNING
    assert found.found.startswith(f"opencv-python and {HEALTHY} are installed together")
    assert found.remedy == f"pip uninstall -y opencv-python {HEALTHY} && pip install {HEALTHY}"


def test_a_numpy_that_the_devkit_refuses_and_that_hides_another(packages):
    add_distribution(packages, "numpy", "2.3.0")
    assert told("numpy 2.3.0 is installed").remedy.startswith('pip install "numpy')
    twins = told("numpy is installed twice")
    assert twins.level is Level.WARNING
    assert f"2.3.0 in {packages}" in twins.found
    assert versions()["numpy"] == "2.3.0"


def test_a_torch_that_is_too_old_for_drivetr_and_another_than_torchvision_s(packages):
    add_distribution(packages, "torch", "2.5.1")
    add_distribution(packages, "drivetr", "0.1.0", ("torch>=2.10", 'gone>=1; extra == "viz"'))
    add_distribution(packages, "torchvision", "0.26.0", ("torch==2.11.0",))
    assert told("drivetr needs torch>=2.10, but torch 2.5.1").level is Level.ERROR
    other = told("torchvision needs torch==2.11.0, but torch 2.5.1")
    assert other.level is Level.WARNING
    assert other.remedy == 'pip install "torch==2.11.0"'
    assert not [one for one in examine_environment() if "gone" in one.found]


def test_a_package_that_is_absent(packages):
    add_distribution(packages, "drivetr", "0.1.0", ("no-such-package>=3",))
    found = told("drivetr needs no-such-package>=3, which is not installed")
    assert (found.level, found.remedy) == (Level.ERROR, 'pip install "no-such-package>=3"')


def test_plain_mmengine_stands_for_the_lite_one(packages):
    add_distribution(packages, "mmengine", "0.10.7")
    add_distribution(packages, "drivetr", "0.1.0", ("mmengine-lite>=0.10.7",))
    assert not [one for one in examine_environment() if "mmengine-lite" in one.found]


def test_a_compiled_module_that_was_made_for_another_numpy(packages):
    add_module(packages, "shapely", "raise ImportError('numpy.core.multiarray failed to import')")
    (packages / "numpy" / "__init__.py").unlink()
    (packages / "numpy").rmdir()
    found = told("shapely cannot be imported")
    assert found.level is Level.ERROR
    assert found.found.endswith("ImportError: numpy.core.multiarray failed to import")
    assert found.remedy.startswith('pip install --force-reinstall shapely "numpy<2"')


def test_a_module_that_kills_the_process(packages):
    (packages / "numpy" / "__init__.py").write_text("import os; os.abort()")
    found = told("numpy cannot be imported")
    assert "the process died (-6)" in found.found


def test_setuptools_with_and_without_pkg_resources(packages):
    add_distribution(packages, "setuptools", "82.0.0")
    found = told("there is no pkg_resources (setuptools 82.0.0 has none)")
    assert found.level is Level.NOTE
    assert 'pip install "setuptools<82"' in found.remedy
    add_module(packages, "pkg_resources", "")
    assert not [one for one in examine_environment() if "pkg_resources" in one.found]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho ' V..... libvpx'\n", "has no H.264 encoder (libx264)"),
        ("no program at all", "no ffmpeg can be run"),
    ],
)
def test_no_encoder(packages, monkeypatch, script, said):
    program = packages / "ffmpeg"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    found = told(said)
    assert found.level is Level.NOTE
    assert "IMAGEIO_FFMPEG_EXE" in found.remedy


def test_no_browser(packages, monkeypatch):
    monkeypatch.delenv("CHROME_BIN", raising=False)
    monkeypatch.setenv("PATH", str(packages))
    assert told("no browser is on the PATH").level is Level.NOTE
    (packages / "firefox").write_text("#!/bin/sh\n")
    (packages / "firefox").chmod(0o755)
    assert not [one for one in examine_environment() if "no browser" in one.found]
