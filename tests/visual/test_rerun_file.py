"""Rerun recordings, read back from the file and compared with what went in."""

import math
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from drivetr.errors import DrivetrError
from drivetr.geometry.boxes import BoxColumn, box_corners, make_boxes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.recording import BoxSet, Recording, empty_boxes
from tests.visual.devkit_pixels import devkit_corners
from tests.visual.recordings import drive, real_keyframes, with_map, with_story

rr = pytest.importorskip("rerun", reason="needs the extra viz")
rerun_file = pytest.importorskip("drivetr.visual.rerun_file")

REFERENCE = "/world/reference"
# Forward, left and up of the corners in the order of `box_corners`.
SIGNS = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
CORNERS = np.array([[*s, -1] for s in SIGNS] + [[*s, 1] for s in SIGNS])


class Rrd:
    """What a file says at each frame, as the viewer would show it."""

    def __init__(self, recording, path):
        rerun_file.write_rrd(recording, path)
        self._frames = len(recording.frames)
        self._recording = rr.dataframe.load_recording(path)
        self.entities = {c.entity_path for c in self._recording.schema().component_columns()}

    def column(self, entity, component):
        """The values of a component, one list a frame, empty where it is cleared or never was."""
        view = self._recording.view(index="frame", contents=entity)
        view = view.using_index_values(np.arange(self._frames)).fill_latest_at()
        table = view.select().read_all()
        name = f"{entity}:{component}"
        if name not in table.column_names:  # Rerun tells of no column without a value
            assert entity in self.entities
            return [[]] * self._frames
        return [values or [] for values in table[name].to_pylist()]

    def static(self, entity, component):
        view = self._recording.view(index="frame", contents=entity)
        return view.select_static().read_all()[f"{entity}:{component}"].to_pylist()[0]

    def below(self, entity):
        """Names of the entities directly below one that have boxes."""
        inside = {p[len(entity) + 1 :] for p in self.entities if p.startswith(entity + "/")}
        return sorted(name for name in inside if "/" not in name)

    def corners(self, entity, frame):
        """(M,8,3) of the boxes as Rerun would make them: centre, half sizes, quaternion xyzw."""
        centers, halves, turns = (
            np.array(self.column(entity, name)[frame], dtype=np.float64).reshape(-1, n)
            for name, n in (("PoseTranslation3D", 3), ("HalfSize3D", 3), ("PoseRotationQuat", 4))
        )
        if not len(centers):
            return np.zeros((0, 8, 3))
        turned = (
            Rotation.from_quat(turns).as_matrix()[:, None] @ (CORNERS * halves[:, None])[..., None]
        )
        return centers[:, None] + turned[..., 0]

    def matrix(self, entity, frame):
        """`parent_from_entity`; Rerun keeps matrices column by column."""
        result = np.eye(4)
        turn = np.array(self.column(entity, "TransformMat3x3")[frame], dtype=np.float64)
        result[:3, :3] = turn.reshape(3, 3).T
        result[:3, 3] = np.array(self.column(entity, "Translation3D")[frame]).reshape(3)
        return result

    def intrinsic(self, entity, frame):
        values = np.array(self.column(entity, "PinholeProjection")[frame], dtype=np.float64)
        return values.reshape(3, 3).T


@pytest.fixture(scope="module")
def recording():
    return drive(frames=3, sources=("petr", "other"), size=(36, 64))


@pytest.fixture(scope="module")
def rrd(recording, tmp_path_factory):
    return Rrd(recording, tmp_path_factory.mktemp("rrd") / "drive.rrd")


def test_truth_is_read_back(recording, rrd):
    for number, frame in enumerate(recording.frames):
        expected = box_corners(frame.truth.boxes.double()).numpy()
        np.testing.assert_allclose(rrd.corners(f"{REFERENCE}/truth", number), expected, atol=1e-4)
        words = rrd.column(f"{REFERENCE}/truth", "Text")[number]
        names = [DETECTION_CLASSES[label] for label in frame.truth.labels]
        assert words == [f"{n} · {t}" for n, t in zip(names, frame.truth.tracks, strict=True)]


@pytest.mark.parametrize("source", ["petr", "other"])
def test_bands_hold_every_prediction_once(recording, rrd, source):
    root = f"{REFERENCE}/predictions/{source}"
    bands = {
        "score_0_to_0.1": (0, 0.1), "score_0.1_to_0.3": (0.1, 0.3), "score_0.3_to_0.5": (0.3, 0.5),
        "score_0.5_to_0.7": (0.5, 0.7), "score_from_0.7": (0.7, 2),
    }  # fmt: skip
    assert rrd.below(root) == sorted(bands)
    for number, frame in enumerate(recording.frames):
        found = frame.predictions[source]
        for name, (low, high) in bands.items():
            rows = [i for i, s in enumerate(found.scores.tolist()) if low <= s < high]
            expected = box_corners(found.boxes[rows].double()).numpy()
            np.testing.assert_allclose(rrd.corners(f"{root}/{name}", number), expected, atol=1e-4)
            words = rrd.column(f"{root}/{name}", "Text")[number]
            assert words == [
                f"{DETECTION_CLASSES[found.labels[i]]} {found.scores[i]:.2f}" for i in rows
            ]


def test_the_threshold_is_an_edge_of_the_bands(recording, tmp_path):
    rrd = Rrd(replace(recording, threshold=0.42), tmp_path / "a.rrd")
    names = rrd.below(f"{REFERENCE}/predictions/petr")
    assert "score_0.3_to_0.42" in names
    assert "score_0.42_to_0.5" in names


def test_velocity_and_heading(recording, rrd):
    truth = recording.frames[1].truth
    heads = np.array(rrd.column(f"{REFERENCE}/truth/heading", "LineStrip3D")[1])
    forward = truth.boxes[:, [BoxColumn.COS_YAW, BoxColumn.SIN_YAW]] * truth.boxes[:, 3:4] / 2
    np.testing.assert_allclose((heads[:, 1] - heads[:, 0])[:, :2], forward, atol=1e-3)
    arrows = np.array(rrd.column(f"{REFERENCE}/truth/velocity", "Vector3D")[1])
    np.testing.assert_allclose(arrows[:, :2], truth.boxes[:, BoxColumn.VX :], atol=1e-4)


def test_pictures_are_the_bytes_that_went_in(recording, rrd):
    for image in recording.frames[2].images:
        blobs = rrd.column(f"{REFERENCE}/cameras/{image.channel}/image", "Blob")[2]
        assert bytes(blobs[0]) == image.jpeg


def test_a_missing_picture_leaves_a_gap(recording, tmp_path):
    front, *others = recording.frames[1].images
    frames = list(recording.frames)
    frames[1] = replace(frames[1], images=(replace(front, jpeg=None), *others))
    rrd = Rrd(replace(recording, frames=tuple(frames)), tmp_path / "a.rrd")
    blobs = rrd.column(f"{REFERENCE}/cameras/CAM_FRONT/image", "Blob")
    assert [len(blob) for blob in blobs] == [1, 0, 1]
    blobs = rrd.column(f"{REFERENCE}/cameras/CAM_BACK/image", "Blob")
    assert [len(blob) for blob in blobs] == [1, 1, 1]


def test_the_way_of_the_car(recording, rrd):
    (strip,) = rrd.column("/world/ego_path", "LineStrip3D")[0]
    shift = [f.global_from_lidar[:3, 3] - recording.frames[0].global_from_lidar[:3, 3]
             for f in recording.frames]  # fmt: skip
    np.testing.assert_allclose(strip, torch.stack(shift), atol=1e-4)
    for number, frame in enumerate(recording.frames):
        pose = frame.global_from_lidar.numpy().copy()
        pose[:3, 3] = shift[number]
        np.testing.assert_allclose(rrd.matrix(REFERENCE, number), pose, atol=1e-5)


def test_points(recording, rrd):
    points = rrd.column(f"{REFERENCE}/lidar", "Position3D")
    np.testing.assert_array_equal(points[1], recording.frames[1].points)


def test_the_map_lies_under_its_scene(tmp_path):
    """A place of the street in global is where the rectangle's texture has the street."""
    one, two = drive(2, 3, size=(36, 64)), drive(1, 3, scene="scene-0002", size=(36, 64))
    told = with_map(replace(one, frames=one.frames + two.frames))
    rrd = Rrd(told, tmp_path / "a.rrd")
    corners = [np.array(c) for c in rrd.column("/world/map", "Position3D")]
    assert [len(c) for c in corners] == [4, 4, 0]  # it goes away with its scene
    texture = np.array(rrd.column("/world/map", "Texcoord2D")[0])
    places = corners[0] + one.frames[0].global_from_lidar[:3, 3].numpy()
    np.testing.assert_allclose(places[:, 2], -0.05, atol=1e-4)
    global_from_texture = np.linalg.lstsq(np.c_[texture, np.ones(4)], places[:, :2], rcond=None)[0]
    (blob,) = rrd.column("/world/map", "ImageBuffer")[0]
    picture = np.array(blob, dtype=np.uint8).reshape(250, 200, 3)
    street = (picture != picture[0, 0]).any(axis=2)
    rows, columns = np.nonzero(street)
    ends = np.array([[columns.min(), rows.max() + 1], [columns.max() + 1, rows.min()]])
    ends = np.c_[ends / (200, 250), [1, 1]] @ global_from_texture
    np.testing.assert_allclose(ends, [[608.0, 1610.0], [624.0, 1630.0]], atol=1e-3)
    assert street.sum() == 50 * 40


def test_errors_are_on_the_timeline(recording, rrd):
    """Counted here by hand, box by box."""
    for number, frame in enumerate(recording.frames):
        found, truth = frame.predictions["petr"], frame.truth
        sure = [i for i in range(len(found)) if found.scores[i] >= 0.3 and found.judged[i]]
        hits = [i for i in sure if found.partner[i] >= 0]
        away = [
            math.dist(found.boxes[i, :2].tolist(), truth.boxes[found.partner[i], :2].tolist())
            for i in hits
        ]
        for name, value in (
            ("count/petr/false", len(sure) - len(hits)),
            ("count/petr/misses", int(truth.judged.sum()) - len(hits)),
            ("metres/petr", sum(away) / len(away)),
        ):
            assert rrd.column(f"/errors/{name}", "Scalar")[number] == pytest.approx([value])


def test_boxes_fall_into_the_pictures_where_the_recording_has_them(recording, rrd):
    frame = recording.frames[2]
    corners = rrd.corners(f"{REFERENCE}/truth", 2).reshape(-1, 3)
    for image in frame.images:
        uv, depth = _project(rrd, image.channel, 2, corners)
        projection = image.img_from_lidar.numpy()
        points = corners @ projection[:3, :3].T + projection[:3, 3]
        ahead = points[:, 2] > 0.5
        np.testing.assert_allclose(depth[ahead], points[ahead, 2], atol=1e-3)
        expected = points[ahead, :2] / points[ahead, 2:]
        assert np.abs(uv[ahead] - expected).max(initial=0) < 0.05


def _project(rrd, channel, frame, points):
    """Pixels by Rerun's own rule, all in the 32 bits that the file holds."""
    path = f"{REFERENCE}/cameras/{channel}"
    cam_from_lidar = np.linalg.inv(rrd.matrix(path, frame))
    points_cam = points @ cam_from_lidar[:3, :3].T + cam_from_lidar[:3, 3]
    intrinsic, depth = rrd.intrinsic(path, frame), points_cam[:, 2]
    # Rerun takes the focal lengths and the principal point, and no skew.
    focal, middle = intrinsic[[0, 1], [0, 1]], intrinsic[:2, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return points_cam[:, :2] / depth[:, None] * focal + middle, depth


def test_real_corners_are_the_devkit_s(nuscenes_real, tmp_path):
    """Tilted lidar, moving car, real calibration: nuscenes-devkit is the oracle."""
    from nuscenes.nuscenes import NuScenes

    recording = real_keyframes(nuscenes_real, "v1.0-mini", tmp_path)
    rrd = Rrd(recording, tmp_path / "real.rrd")
    devkit = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
    compared, worst = 0, 0.0
    for number, frame in enumerate(recording.frames):
        corners = rrd.corners(f"{REFERENCE}/truth", number)
        for channel in recording.channels:
            expected = devkit_corners(devkit, frame.token, channel)
            uv, depth = _project(rrd, channel, number, corners.reshape(-1, 3))
            uv, depth = uv.reshape(-1, 8, 2), depth.reshape(-1, 8)
            # In front of the camera and not more than a picture's width beside it.
            for seen in uv[(depth.min(axis=1) > 0.5) & (np.abs(uv).max(axis=(1, 2)) < 3200)]:
                worst = max(worst, np.abs(expected - seen).max(axis=(1, 2)).min())
                compared += 1
    assert compared > 200
    assert worst < 0.1


def test_the_view_from_above(recording, rrd):
    """Metres on the road are pixels from the middle: forward is up, left is left."""
    path = f"{REFERENCE}/overhead"
    cam_from_lidar = np.linalg.inv(rrd.matrix(path, 1))
    intrinsic = np.array(rrd.static(path, "PinholeProjection")).reshape(3, 3).T
    point = cam_from_lidar @ [20.0, 10.0, 0.0, 1.0]
    pixel = (intrinsic @ point[:3])[:2] / point[2]
    np.testing.assert_allclose(pixel, [500 - 100, 500 - 200], atol=0.01)


def test_attention_layers_come_and_go(recording, tmp_path):
    told = with_story(with_story(recording, 1, row=2), 1, row=0)
    rrd = Rrd(told, tmp_path / "a.rrd")
    story = told.frames[1].stories[0]
    path = f"{REFERENCE}/cameras/CAM_BACK/attention/petr/query_00/layer_1/head_0"
    blobs = rrd.column(path, "Blob")
    assert [len(blob) for blob in blobs] == [0, 1, 0]
    picture = cv2.imdecode(np.array(blobs[1][0], dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    attention = next(a for a in story.attention if (a.layer, a.head) == (1, 0))
    heat = (attention.maps / attention.maps.max())[told.channels.index("CAM_BACK")].numpy()
    np.testing.assert_allclose(picture[..., 3] / 255, 0.85 * heat, atol=0.01)
    height, width = told.frames[1].images[0].size
    np.testing.assert_allclose(rrd.column(path, "Scale3D")[1], [[width / 14, height / 8, 1.0]])
    (way,) = rrd.column(f"{REFERENCE}/attention/petr/query_00", "LineStrip3D")[1]
    np.testing.assert_allclose(way, story.path, atol=1e-4)


def test_several_scenes_on_one_clock(tmp_path):
    one, two = drive(2, 3, size=(36, 64)), drive(2, 3, scene="scene-0002", size=(36, 64), seed=1)
    both = replace(one, frames=one.frames + two.frames)
    rrd = Rrd(both, tmp_path / "a.rrd")
    view = rrd._recording.view(index="frame", contents="/notes")
    seconds = [value.total_seconds() for value in view.select().read_all()["clock"].to_pylist()]
    assert seconds == [0.0, 0.5, 1.5, 2.0]
    assert [t[0].splitlines()[0] for t in rrd.column("/notes", "Text")] == [
        "scene-0001", "scene-0001", "scene-0002", "scene-0002",
    ]  # fmt: skip


HOSTILE = [
    "../../etc/passwd", "a/b c", "</script><script>alert(1)</script>", 'q"uo\'te', "Zürich 東京 🚗",
    "new\nline, nul\0", "- /world/**", "", "..", "__properties", "x" * 500,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_one_part_of_a_path(name, tmp_path):
    plain = drive(1, 4, size=(36, 64), points=False)
    frame = plain.frames[0]
    first = replace(frame.images[0], channel=name)
    told = replace(
        plain,
        title=name,
        sources=(name,),
        channels=(name, *plain.channels[1:]),
        descriptions={name: name},
        frames=(
            replace(
                frame,
                token=name,
                scene=name,
                images=(first, *frame.images[1:]),
                predictions={name: frame.predictions["petr"]},
                partners={name: frame.partners["petr"]},
                truth=replace(frame.truth, tracks=(name,) * len(frame.truth)),
            ),
        ),
    )
    rrd = Rrd(with_story(told, 0, 0), tmp_path / "a.rrd")
    part = rr.escape_entity_path_part(name or "_")
    part = part.replace(r"\u{1F697}", r"\\u\{1F697\}")  # an emoji is named by its number
    boxes = sum(
        len(rrd.corners(f"{REFERENCE}/predictions/{part}/{band}", 0))
        for band in rrd.below(f"{REFERENCE}/predictions/{part}")
    )
    assert boxes == len(frame.predictions["petr"])
    assert bytes(rrd.column(f"{REFERENCE}/cameras/{part}/image", "Blob")[0][0]) == first.jpeg
    roots = {path.split("/")[1] for path in rrd.entities}
    assert roots <= {"world", "errors", "notes", "__properties"}  # the last is Rerun's own


def test_nothing_predicted(tmp_path):
    plain = drive(2, 4, size=(36, 64))
    empty = tuple(
        replace(f, predictions={"petr": empty_boxes()}, truth=None, points=None)
        for f in plain.frames
    )
    rrd = Rrd(replace(plain, frames=empty), tmp_path / "a.rrd")
    assert rrd.corners(f"{REFERENCE}/truth", 1).shape == (0, 8, 3)
    silent = tuple(replace(f, predictions={}, partners={}) for f in plain.frames)
    Rrd(replace(plain, frames=silent), tmp_path / "b.rrd")  # a source without a result
    Rrd(replace(plain, frames=silent, sources=()), tmp_path / "c.rrd")
    Rrd(Recording("nothing at all", (), ()), tmp_path / "d.rrd")


def test_boxes_do_not_stay_when_a_frame_has_none(recording, tmp_path):
    frames = list(recording.frames)
    frames[1] = replace(frames[1], truth=empty_boxes(), points=None, predictions={})
    rrd = Rrd(replace(recording, frames=tuple(frames)), tmp_path / "a.rrd")
    counts = [len(rrd.corners(f"{REFERENCE}/truth", n)) for n in range(3)]
    assert counts == [20, 0, 20]
    assert [len(p) for p in rrd.column(f"{REFERENCE}/lidar", "Position3D")] == [3000, 0, 3000]


def test_a_thousand_boxes(tmp_path):
    rrd = Rrd(drive(1, 1000, size=(36, 64)), tmp_path / "a.rrd")
    assert len(rrd.corners(f"{REFERENCE}/truth", 0)) == 1000


def test_unknown_velocity_and_boxes_that_are_nowhere(tmp_path):
    plain = drive(1, 2, sources=(), size=(36, 64))
    nowhere = [[torch.nan, 0, 0], [0, torch.inf, 0]]
    centres = torch.tensor([[9.0, 0, 1], [5.0, 5, 1], *nowhere])
    boxes = make_boxes(centres, torch.ones(4, 3), torch.zeros(4))
    boxes[0, BoxColumn.VX :] = torch.tensor([2.0, 1.0])
    count = len(boxes)
    truth = BoxSet(boxes, torch.zeros(count).long(), torch.ones(count), torch.full((count,), -1),
                   torch.ones(count).bool())  # fmt: skip
    rrd = Rrd(replace(plain, frames=(replace(plain.frames[0], truth=truth),)), tmp_path / "a.rrd")
    assert len(rrd.corners(f"{REFERENCE}/truth", 0)) == 2
    assert rrd.column(f"{REFERENCE}/truth/velocity", "Vector3D")[0] == [[2.0, 1.0, 0.0]]


def test_cameras_without_calibration(recording, tmp_path):
    images = list(recording.frames[0].images)
    images[1] = replace(images[1], jpeg=None, img_from_lidar=torch.zeros(4, 4).double())
    frame = replace(recording.frames[0], images=tuple(images))
    rrd = Rrd(replace(recording, frames=(frame,)), tmp_path / "a.rrd")
    path = f"{REFERENCE}/cameras/{images[1].channel}"
    assert f"{path}/image" in rrd.entities
    assert path not in rrd.entities


@pytest.mark.parametrize("place", ["file/a.rrd", "folder.rrd"])
def test_places_where_nothing_can_be_written(recording, tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.rrd").mkdir()
    with pytest.raises(DrivetrError, match=place):
        rerun_file.write_rrd(recording, tmp_path / place)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.rrd"]


def test_a_folder_that_takes_no_files(recording):
    with pytest.raises(DrivetrError, match="/proc/a.rrd cannot be written"):
        rerun_file.write_rrd(recording, "/proc/a.rrd")


def test_without_the_extra_one_sentence_says_so():
    code = "import sys; sys.modules['rerun'] = None; import drivetr.visual.rerun_file"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("drivetr.errors.DrivetrError: a Rerun recording needs")
    assert "pip install -e '.[viz]'" in last
