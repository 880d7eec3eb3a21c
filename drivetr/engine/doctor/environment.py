"""Examines what is installed: packages that contradict each other, an encoder, a browser.

Nothing heavy is imported into this process: a broken torch must not keep the doctor from saying so.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution

from packaging.requirements import Requirement

from drivetr import __version__
from drivetr.engine.doctor.diagnosis import Diagnosis, Level

SUBJECT = "environment"
# Distributions whose own requirements are compared with what is installed.
_ASKED = ("drivetr", "torch", "torchvision", "nuscenes-devkit", "mmengine-lite", "mmengine")
_STAND_INS = {"mmengine-lite": "mmengine"}  # the same package by another name
_OPENCV = re.compile(r"opencv(-contrib)?-python(-headless)?")
# Compiled modules, in an order in which each needs those before it, and who brings them.
_COMPILED = {
    "numpy": "numpy", "scipy": "scipy", "shapely": "shapely", "cv2": "opencv-python-headless",
    "matplotlib.pyplot": "matplotlib", "pycocotools.mask": "pycocotools", "torch": "torch",
    "torchvision": "torchvision",
}  # fmt: skip
_PROBE = """
import importlib, sys
for name in sys.argv[1:]:
    print(name, flush=True)
    importlib.import_module(name)
print("torch and numpy together", flush=True)
import numpy, torch
torch.from_numpy(numpy.zeros(1)).numpy()
print("ok", flush=True)
"""
_PROBE_SECONDS = 300
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "firefox", "safari")


def examine_environment() -> list[Diagnosis]:
    """All that is odd about the installation, after one line that says what it is."""
    installed = dict(_installed())
    return [
        _told_versions(installed),
        *_two_opencvs(installed),
        *_twins(installed),
        *_unmet(installed),
        *_broken_modules(),
        *_no_pkg_resources(installed),
        *_no_encoder(),
        *_no_browser(),
    ]


def versions() -> dict[str, str]:
    """Versions of what matters, for a bug report."""
    names = {*_ASKED, *_COMPILED.values(), "setuptools", "pillow", "safetensors", "imageio-ffmpeg"}
    found = dict(_installed())
    return {name: found[name][0].version for name in sorted(names & found.keys())}


def _installed() -> Iterator[tuple[str, list[Distribution]]]:
    """Normalised name and distributions of it, the one that Python imports first."""
    found: dict[str, list[Distribution]] = {}
    for one in importlib.metadata.distributions():
        name = one.metadata["Name"]
        if name:  # a folder that a failed removal left behind has none
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(one)
    yield from found.items()


def _told_versions(installed: dict[str, list[Distribution]]) -> Diagnosis:
    told = [f"drivetr {__version__}", f"Python {platform.python_version()}"]
    told += [
        f"{name} {installed[name][0].version}" for name in ("torch", "numpy") if name in installed
    ]
    return Diagnosis(SUBJECT, Level.OK, f"{', '.join(told)} on {platform.platform()}")


def _two_opencvs(installed: dict[str, list[Distribution]]) -> Iterator[Diagnosis]:
    wheels = sorted(name for name in installed if _OPENCV.fullmatch(name))
    if len(wheels) > 1:
        yield Diagnosis(
            SUBJECT,
            Level.WARNING,
            f"{' and '.join(wheels)} are installed together and have written the same cv2/ folder;"
            " which one is imported is chance, and removing one breaks the other",
            f"pip uninstall -y {' '.join(wheels)} && pip install opencv-python-headless",
        )


def _twins(installed: dict[str, list[Distribution]]) -> Iterator[Diagnosis]:
    """Packages of drivetr's that are installed in two versions, one of which hides the other."""
    for name in {*_ASKED, *_COMPILED.values()} & installed.keys():
        places = {one.version: str(one.locate_file("")) for one in reversed(installed[name])}
        if len(places) > 1:
            told = " and ".join(f"{version} in {place}" for version, place in places.items())
            yield Diagnosis(
                SUBJECT,
                Level.WARNING,
                f"{name} is installed twice: {told}; compiled packages may have been made for the"
                " one that is not imported",
                f"remove one, best by a fresh virtual environment (python -m venv) with only"
                f" drivetr and what it needs; or pip install --force-reinstall {name}",
            )


def _unmet(installed: dict[str, list[Distribution]]) -> Iterator[Diagnosis]:
    """Requirements of drivetr and its largest packages that are not fulfilled."""
    for owner in _ASKED:
        for text in (installed[owner][0].requires or ()) if owner in installed else ():
            asked = Requirement(text)
            if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
                continue
            name = re.sub(r"[-_.]+", "-", asked.name).lower()
            found = installed.get(name) or installed.get(_STAND_INS.get(name, ""))
            wanted = f"{name}{asked.specifier}"
            if found is None:
                yield Diagnosis(
                    SUBJECT,
                    Level.ERROR,
                    f"{owner} needs {wanted}, which is not installed",
                    f'pip install "{wanted}"',
                )
            elif not asked.specifier.contains(found[0].version, prereleases=True):
                yield Diagnosis(
                    SUBJECT,
                    Level.ERROR if owner == "drivetr" else Level.WARNING,
                    f"{owner} needs {wanted}, but {name} {found[0].version} is installed",
                    f'pip install "{wanted}"',
                )


def _broken_modules() -> Iterator[Diagnosis]:
    """Compiled modules that cannot be imported, tried in a process of their own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", _PROBE, *_COMPILED]
    try:
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PROBE_SECONDS
        )
    except subprocess.TimeoutExpired:
        yield Diagnosis(
            SUBJECT, Level.ERROR, f"importing {', '.join(_COMPILED)} takes over {_PROBE_SECONDS} s",
            "look whether the disk with the virtual environment answers",
        )  # fmt: skip
        return
    last = (ran.stdout.splitlines() or ["Python"])[-1]
    if last != "ok":
        died = f"the process died ({ran.returncode})"
        reason = (ran.stderr.strip().splitlines() or [died])[-1]
        brings = _COMPILED.get(last, "numpy torch")
        yield Diagnosis(
            SUBJECT,
            Level.ERROR,
            f"{last} cannot be imported: {reason}",
            f'pip install --force-reinstall {brings} "numpy<2" (a module compiled for another'
            " numpy, or a library of the system that is missing)",
        )


def _no_pkg_resources(installed: dict[str, list[Distribution]]) -> Iterator[Diagnosis]:
    if importlib.util.find_spec("pkg_resources") is None:
        has = installed.get("setuptools")
        told = f"setuptools {has[0].version} has none" if has else "setuptools is not installed"
        yield Diagnosis(
            SUBJECT,
            Level.NOTE,
            f"there is no pkg_resources ({told}); drivetr does without, but mmengine's helpers for"
            " packages (is_installed, pkg::config) fail",
            'only if code of yours needs it: pip install "setuptools<82"',
        )


def _no_encoder() -> Iterator[Diagnosis]:
    remedy = (
        "pip install --force-reinstall imageio-ffmpeg, which brings one; or name yours with"
        " IMAGEIO_FFMPEG_EXE. drivetr replay writes pages without it"
    )
    try:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        command = [program, "-hide_banner", "-encoders"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (ImportError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        found = f"no ffmpeg can be run ({str(error).splitlines()[0]}), so no film can be written"
        yield Diagnosis(SUBJECT, Level.NOTE, found, remedy)
        return
    if "libx264" not in told:
        found = f"{program} has no H.264 encoder (libx264), so no film can be written"
        yield Diagnosis(SUBJECT, Level.NOTE, found, remedy)


def _no_browser() -> Iterator[Diagnosis]:
    named = os.environ.get("CHROME_BIN")
    if not any(map(shutil.which, [named] if named else _BROWSERS)):
        yield Diagnosis(
            SUBJECT,
            Level.NOTE,
            f"no browser is on the PATH ({', '.join(_BROWSERS)}); pages are written all the same",
            "copy the pages to a machine with a browser, or forward a port to drivetr replay"
            " --serve (ssh -L); tests of pages want one in CHROME_BIN",
        )
