"""The report of a whole split from the command line, on real keyframes and on hostile tables."""

import csv
import json
import re
import shlex

import numpy as np
import pytest

from drivetr.cli import main as cli
from drivetr.data.nuscenes.categories import DETECTION_CLASS_OF
from drivetr.data.nuscenes.index import open_index
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.detection import evaluate_submission
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables
from tests.evaluation.nuscenes.track_world import VERSION, true_detections, write_track_world
from tests.visual.replay_window import settle, state

EVIL = "</script><script>\"'& ; rm"


@pytest.fixture(autouse=True)
def _only_this_command(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", ("analyze",))


def analyze(*words, dataroot, version="v1.0-mini", split="mini_val"):
    options = ["--dataroot", dataroot, "--version", version, "--split", split]
    return cli.main([str(word) for word in ("analyze", *words, *options)])


def box_of(sample, truth, i, score):
    return {
        "sample_token": sample.token, "detection_name": DETECTION_CLASS_OF[truth.category[i]],
        "translation": truth.center_global[i].tolist(), "size": truth.size_wlh[i].tolist(),
        "rotation": truth.quaternion_wxyz[i].tolist(), "attribute_name": "",
        "velocity": np.nan_to_num(truth.velocity_global[i, :2]).tolist(), "detection_score": score,
    }  # fmt: skip


@pytest.fixture(scope="module")
def submissions(nuscenes_real, tmp_path_factory):
    """All objects of mini_val; the same without cars; and nothing."""
    folder = tmp_path_factory.mktemp("submissions")
    index = open_index(nuscenes_real, "v1.0-mini")
    results = {}
    for row in index.samples_of_split("mini_val").tolist():
        sample = index.sample(row)
        truth = sample.annotations
        results[sample.token] = [
            box_of(sample, truth, i, 0.9 - i / 1000)
            for i, category in enumerate(truth.category)
            if category in DETECTION_CLASS_OF
        ]
    without = {t: [b for b in r if b["detection_name"] != "car"] for t, r in results.items()}
    contents = {"all": results, "carless": without, "none": {token: [] for token in results}}
    for name, content in contents.items():
        text = json.dumps({"meta": CAMERA_ONLY_META, "results": content})
        (folder / f"{name}.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def written(submissions, nuscenes_real, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "COMMANDS", ("analyze",))
        status = analyze(
            submissions / "all.json", submissions / "carless.json", "--html", out / "r.html",
            "--json", out / "r.json", "--csv", out / "csv", "--replay", "my replay.html",
            dataroot=nuscenes_real,
        )  # fmt: skip
    assert status == 0
    return out


class TestTwoSubmissions:
    def test_official_numbers_are_the_devkits(self, written, submissions, nuscenes_real):
        tables = json.loads((written / "r.json").read_text())["tables"]
        for key, name in (("official-a", "all"), ("official-b", "carless")):
            path = submissions / f"{name}.json"
            metrics = evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val")
            for row in tables[key]:
                label = row[f"{key[-1].upper()} class"].replace(" ", "_")
                assert row["AP"] == metrics["mean_dist_aps"][label]
                assert row["objects"] == metrics["drivetr"]["num_truth"][label]

    def test_the_lost_cars_are_found(self, written):
        tables = json.loads((written / "r.json").read_text())["tables"]
        rows = {row["class"]: row for row in tables["compare-classes"]}
        assert rows["car"]["recall A"] == 1
        assert rows["car"]["recall B"] == 0
        assert rows["car"]["only A found"] == rows["car"]["objects"] > 5
        assert all(r["only A found"] == 0 for name, r in rows.items() if name != "car")
        lost = rows["car"]["objects"]
        sums = {}
        for row in tables["compare-slices"]:
            sums[row["by"]] = sums.get(row["by"], 0) + row["only A found"]
        assert set(sums.values()) == {lost}

    def test_slices_add_up(self, written):
        tables = json.loads((written / "r.json").read_text())["tables"]
        for key, rows in tables.items():
            if key.startswith("slices-"):
                place = 0 if key.endswith("-a") else 1
                for name in ("objects", "found"):
                    assert sum(row[name] for row in rows) == tables["whole"][place][name], key

    def test_pictures_open_in_the_replay(self, written):
        page = (written / "r.html").read_text()
        assert page.count("data:image/jpeg;base64,") >= 2
        links = re.findall(r'href="(my%20replay\.html#[^"]+)"', page)
        assert re.fullmatch(
            r"my%20replay\.html#frame=[0-9a-f]{32}&amp;thr=0\.\d\d&amp;src=(all|carless)&amp;by=outcome",
            links[0],
        )
        assert len(page) < 600_000

    @pytest.mark.slow  # a browser starts
    def test_a_link_opens_the_replay_at_its_frame(
        self, written, submissions, nuscenes_real, visitor, monkeypatch
    ):
        """Frame, threshold, source and colours are those of the picture that was clicked."""
        monkeypatch.setattr(cli, "COMMANDS", ("replay",))
        results = [str(submissions / f"{name}.json") for name in ("all", "carless")]
        words = ["--version", "v1.0-mini", "--split", "mini_val", "--scene", "all", "--results"]
        words = ["replay", str(nuscenes_real), *words, *results, "--image-width", "320"]
        assert cli.main([*words, "--html", str(written / "my replay.html")]) == 0
        report = visitor.visit(written / "r.html")
        link = report.locator("#worst-b figure a").first
        frame, *rest = re.search(r"#frame=(\w+)&thr=([\d.]+)", link.get_attribute("href")).groups()
        with report.expect_navigation():
            link.click()
        settle(report)
        shown = state(report)
        assert report.locator("#token").inner_text() == frame
        assert shown["threshold"] == float(rest[0])
        assert shown["sources"] == ["carless"]
        assert shown["by"] == "outcome"
        assert not report.locator("#notes").is_visible()
        report.goto((written / "my replay.html").as_uri() + "#frame=elsewhere")
        report.reload()
        settle(report)
        assert "frame is not in this recording" in report.locator("#notes").inner_text()
        report.keyboard.press("ArrowRight")
        settle(report)
        assert not report.locator("#notes").is_visible()
        assert visitor.complaints == []

    def test_worst_scenes_are_pictures_too(self, written):
        page = (written / "r.html").read_text()
        assert page.count("errors a frame</a>") == 2  # the scene in A and in B
        assert "in its worst frame" in page

    def test_csv_has_the_same_rows(self, written):
        tables = json.loads((written / "r.json").read_text())["tables"]
        assert {path.stem for path in (written / "csv").iterdir()} == set(tables)
        with (written / "csv/frames-a.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["missed"]) for row in rows] == [0, 0]


def test_zero_predictions(submissions, nuscenes_real, tmp_path):
    out = tmp_path / "r.json"
    page = tmp_path / "r.html"
    words = (submissions / "none.json", "--json", out, "--html", page)
    assert analyze(*words, dataroot=nuscenes_real) == 0
    tables = json.loads(out.read_text())["tables"]
    assert tables["whole"][0]["found"] == 0
    assert tables["whole"][0]["recall"] == 0
    assert all(row["missed"] == row["objects"] for row in tables["frames"])
    assert "drivetr replay" in page.read_text()


def test_a_replay_that_is_not_there_is_offered(
    submissions, nuscenes_real, tmp_path, capsys, monkeypatch
):
    """The offered command is one that the command line takes."""
    words = (
        submissions / "carless.json",
        "--html",
        tmp_path / "r.html",
        "--replay",
        "my page.html",
    )
    assert analyze(*words, dataroot=nuscenes_real) == 0
    offered = capsys.readouterr().out.strip().splitlines()[-1].partition("frames: drivetr ")[2]
    monkeypatch.setattr(cli, "COMMANDS", ("replay",))
    args = cli.build_parser().parse_args(shlex.split(offered))
    assert args.html == str(tmp_path / "my page.html")
    assert args.worst == 30


def test_hostile_names_stay_text(tmp_path):
    world = write_track_world(tmp_path / "world")
    tables = world / VERSION
    scenes = json.loads((tables / "scene.json").read_text())
    for scene in scenes:
        scene["description"] = f"Rain {EVIL}"
        scene["name"] += EVIL
    (tables / "scene.json").write_text(json.dumps(scenes))
    splits = {"mine_val": [scene["name"] for scene in scenes[:2]]}
    (tables / "splits.json").write_text(json.dumps(splits))
    submission = true_detections(write_track_world(tmp_path / "plain"))
    for boxes in submission["results"].values():
        del boxes[1:]  # the rest is missed, so that there are pictures
    (tmp_path / "a.json").write_text(json.dumps(submission))
    page = tmp_path / "r.html"
    status = analyze(
        tmp_path / "a.json", "--html", page, dataroot=world, version=VERSION, split="mine_val"
    )
    assert status == 0
    text = page.read_text()
    assert text.count("<script") == 1
    assert text.count("&lt;/script&gt;&lt;script&gt;") > 4
    assert "<td>rain</td>" in text


class TestMistakes:
    def check(self, capsys, status, words):
        printed = capsys.readouterr()
        assert status == 2
        assert printed.err.startswith("drivetr analyze: ")
        assert words in printed.err
        assert printed.err.count("\n") == 1

    def test_arguments(self, submissions, nuscenes_real, tmp_path, capsys):
        path, out = submissions / "all.json", ["--html", tmp_path / "r.html"]
        for words, told in (
            ([path], "nothing to write"),
            ([path, *out, "--score-threshold", "2"], "--score-threshold is 2"),
            ([tmp_path / "absent.json", *out], "does not exist"),
            ([path, tmp_path / "absent.json", *out], "absent.json does not exist"),
        ):
            self.check(capsys, analyze(*words, dataroot=nuscenes_real), told)
        assert not (tmp_path / "r.html").exists()

    def test_a_submission_of_another_split(self, submissions, nuscenes_real, tmp_path, capsys):
        words = (submissions / "all.json", "--html", tmp_path / "r.html")
        status = analyze(*words, dataroot=nuscenes_real, split="mini_train")
        self.check(capsys, status, "does not fit split mini_train")

    def test_two_of_different_splits(self, submissions, nuscenes_real, tmp_path, capsys):
        other = json.loads((submissions / "none.json").read_text())
        del other["results"][next(iter(other["results"]))]
        (tmp_path / "b.json").write_text(json.dumps(other))
        words = (submissions / "all.json", tmp_path / "b.json", "--html", tmp_path / "r.html")
        self.check(capsys, analyze(*words, dataroot=nuscenes_real), "b.json does not fit split")

    def test_an_output_that_cannot_be_written(self, submissions, nuscenes_real, capsys):
        words = (submissions / "none.json", "--html", "/proc/report.html")
        self.check(capsys, analyze(*words, dataroot=nuscenes_real), "cannot be written")

    @pytest.mark.parametrize("option", ["--html", "--json", "--csv"])
    def test_a_bad_place_is_told_before_anything_is_read(self, tmp_path, capsys, option):
        (tmp_path / "file").write_text("")
        place = tmp_path / "file" / "out"
        status = analyze(tmp_path / "no.json", option, place, dataroot=tmp_path / "nowhere")
        self.check(capsys, status, "cannot be written")

    def test_a_split_without_truth(self, tmp_path, capsys):
        tables = make_tables(TableShape(scenes=1, annotated=False), shuffle=False)
        world = tmp_path / "world"
        write_tables(world, tables, VERSION)
        (world / VERSION / "splits.json").write_text(json.dumps({"mine": ["scene-0000"]}))
        results = {row["token"]: [] for row in tables["sample"]}
        (tmp_path / "a.json").write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        words = (tmp_path / "a.json", "--html", tmp_path / "r.html")
        status = analyze(*words, dataroot=world, version=VERSION, split="mine")
        self.check(capsys, status, "no ground truth")
