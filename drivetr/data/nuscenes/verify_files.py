"""Examines the files that the tables name: images to the last byte, others for being there."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from drivetr.data.decode import decode_image_file
from drivetr.data.image_header import read_image_header
from drivetr.data.nuscenes.tables import Columns, decoded
from drivetr.data.paths import resolve_inside
from drivetr.data.report import Report
from drivetr.errors import DrivetrError


class _Finding(NamedTuple):
    kind: str
    text: str
    is_error: bool


def verify_files(dataroot: Path, columns: Columns, maps: Columns, report: Report) -> None:
    """Decodes every image, and looks for the lidar and map files, with a progress bar.

    A missing keyframe image is an error; missing sweeps, lidar files and maps, which training does
    not need, are warnings; the devkit's evaluation needs the maps.
    """
    lidars = columns["sample_lidar_file"][columns["sample_lidar_calibration"] >= 0]
    for name, field in ((lidars, "sample_data.json"), (maps["filename"], "map.json")):
        for filename in decoded(name):
            _take(report, _presence_findings(dataroot, filename, field))
    names, sizes, is_key = (columns[f"image_{key}"] for key in ("filename", "size", "is_key"))
    jobs = (
        (dataroot, names[i].decode(), *sizes[i].tolist(), bool(is_key[i]))
        for i in range(len(names))
    )
    with tqdm(total=len(names), unit="image", desc="decoding images") as bar:
        for findings in _in_threads(_image_findings, jobs):
            _take(report, findings)
            bar.update()


def _take(report: Report, findings: list[_Finding]) -> None:
    for finding in findings:
        (report.error if finding.is_error else report.warn)(finding.kind, finding.text)


def _in_threads(
    work: Callable[..., list[_Finding]], jobs: Iterator[tuple]
) -> Iterator[list[_Finding]]:
    """Results in the order of the jobs, of which only a few wait at a time."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[list[_Finding]]] = []
        for job in jobs:
            waiting.append(pool.submit(work, *job))
            if len(waiting) >= 4 * threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _presence_findings(dataroot: Path, filename: str, table: str) -> list[_Finding]:
    try:
        path = resolve_inside(dataroot, filename)
    except DrivetrError as error:
        return [_Finding("unsafe-path", str(error), True)]
    if path.is_file():
        return []
    need = ", without which the split can be trained on but not evaluated" * (table == "map.json")
    return [_Finding("missing-file", f"{table}: field filename: {path} is missing{need}", False)]


def _image_findings(
    dataroot: Path, filename: str, height: int, width: int, is_key: bool
) -> list[_Finding]:
    try:
        path = resolve_inside(dataroot, filename)
    except DrivetrError as error:
        return [_Finding("unsafe-path", str(error), True)]
    if not path.is_file():
        what = "keyframe" if is_key else "sweep"
        text = f"sample_data.json: field filename: {what} {path} is missing"
        return [_Finding("missing-image" if is_key else "missing-sweep", text, is_key)]
    try:
        header = read_image_header(path)
    except DrivetrError as error:
        return [_Finding("unreadable-image", str(error), True)]
    findings = []
    if (header.height, header.width) != (height, width):
        text = (
            f"{path}: is {header.width}x{header.height}, expected {width}x{height} by the fields"
            " width and height of sample_data.json; the intrinsics would not fit"
        )
        findings.append(_Finding("wrong-size", text, True))
    if (header.channels, header.bits) != (3, 8):
        text = (
            f"{path}: has {header.channels} channels of {header.bits} bits, expected 3 of 8; it is"
            " converted"
        )
        findings.append(_Finding("pixel-format", text, False))
    try:
        decode_image_file(path)
    except DrivetrError as error:
        findings.append(_Finding("truncated-image", str(error), True))
    return findings
