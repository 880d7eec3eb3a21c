"""`drivetr replay` with unusual submissions, names, places and rigs, from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivetr.cli.main import main
from drivetr.data.nuscenes.index import open_index
from tests.cli.replay_world import VERSION, change_results


def replay(dataroot: Path, *options: str | Path) -> int:
    words = ["--version", VERSION, "--width", "320", *map(str, options)]
    return main(["replay", str(dataroot), *words])


def recorded(page: Path) -> dict[str, Any]:
    """What the page was given to draw."""
    text = page.read_text(encoding="utf-8").partition('id="recording">')[2]
    recording: dict[str, Any] = json.loads(text.partition("</script>")[0])
    return recording


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("drivetr replay: ")
    return line


def crowd(count: int) -> Any:
    """So many boxes in every sample, copies of the first one in a row."""

    def repeated(token: str, boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        x, y, z = boxes[0]["translation"]
        return [boxes[0] | {"translation": [x + 0.05 * i, y, z]} for i in range(count)]

    return repeated


def test_a_thousand_boxes_are_two_submissions(
    drive: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A submission may have 500 in a sample; one more is refused with the limit."""
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for path in files:
        change_results(perfect, path, crowd(500))
    page, film = tmp_path / "crowd.html", tmp_path / "crowd.mp4"
    options = ("--results", *files, "--to", "0", "--html", page, "--mp4", film)
    assert replay(drive, *options) == 0
    (frame,) = recorded(page)["frames"]
    assert [len(boxes["labels"]) for boxes in frame["predictions"].values()] == [500, 500]
    assert film.stat().st_size > 1000
    change_results(perfect, files[0], crowd(501))
    assert replay(drive, "--results", files[0], "--html", page) == 2
    assert "500" in sentence(capsys)


def test_names_of_any_alphabet(drive: Path, perfect: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="needs the extra viz")
    results = tmp_path / "Größe 東京 🚗.json"
    results.write_bytes(perfect.read_bytes())
    folder = tmp_path / "Bilder é 🚗"
    names = {kind: folder / f"Fahrt ü 東京 🚗.{kind}" for kind in ("html", "rrd", "mp4")}
    options = [word for kind, path in names.items() for word in (f"--{kind}", path)]
    assert replay(drive, "--results", results, "--to", "0", "--png", folder, *options) == 0
    assert all(path.stat().st_size > 1000 for path in names.values())
    assert len(list(folder.glob("*.png"))) == 1
    assert recorded(names["html"])["sources"] == ["Größe 東京 🚗"]


@pytest.mark.parametrize("kind", ["html", "rrd", "mp4", "png"])
def test_a_place_that_takes_no_files(
    drive: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even root cannot write into /proc."""
    place = "/proc/drivetr" if kind == "png" else f"/proc/drivetr.{kind}"
    assert replay(drive, "--to", "0", f"--{kind}", place) == 2
    assert "cannot be written" in sentence(capsys)


def test_a_scene_that_lacks_cameras(broken_drive: Path, drive: Path, tmp_path: Path) -> None:
    """Its cells stay in page and recording; a film of it alone has fewer cameras."""
    index = open_index(drive, VERSION)
    lost = {
        c.filename for row in range(4) for c in index.sample(row).cameras if "BACK" in c.channel
    }
    table = broken_drive / VERSION / "sample_data.json"
    rows = json.loads(table.read_text())
    table.write_text(json.dumps([row for row in rows if row["filename"] not in lost]))
    page, film = tmp_path / "all.html", tmp_path / "one.mp4"
    assert replay(broken_drive, "--scene", "all", "--html", page) == 0
    told = recorded(page)
    assert len(told["channels"]) == 6
    assert all("BACK" in frame["notes"][0] for frame in told["frames"][:4])
    assert all(frame["notes"] == [] for frame in told["frames"][4:])
    assert all(len(frame["images"]) == 6 for frame in told["frames"])
    assert replay(broken_drive, "--to", "0", "--mp4", film, "--html", page) == 0
    assert recorded(page)["channels"] == ["CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_FRONT_LEFT"]


def test_tracks_have_seven_classes_and_say_so(
    drive: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object of another class counts as missed, which the page says where there is one."""
    names = ("car", "truck", "bus", "trailer", "pedestrian", "motorcycle", "bicycle")
    shared = ("sample_token", "translation", "size", "rotation", "velocity")

    def tracked(token: str, boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {key: box[key] for key in shared}
            | {"tracking_id": str(i), "tracking_name": box["detection_name"], "tracking_score": 0.9}
            for i, box in enumerate(boxes)
            if box["detection_name"] in names
        ]

    results = change_results(perfect, tmp_path / "tracks.json", tracked)
    page = tmp_path / "tracks.html"
    assert replay(drive, "--scene", "all", "--results", results, "--html", page) == 0
    words = "tracks has no class construction vehicle or barrier or traffic cone"
    assert words in capsys.readouterr().err
    told = recorded(page)
    others = [
        {told["classes"][label] for label in frame["truth"]["labels"]} - set(names)
        for frame in told["frames"]
    ]
    assert [bool(frame["notes"]) for frame in told["frames"]] == [bool(found) for found in others]
    assert any(others)
