"""Checkpoints of 3D detectors: from the published form to the same boxes, and every way to fail."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import drivetr
from drivetr.cli.main import main
from drivetr.engine.api import LoadedDetector, load_detector
from drivetr.engine.config import load_config
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import outputs_of
from drivetr.engine.zoo import published_detectors
from drivetr.errors import DrivetrError
from drivetr.geometry.box_codes import BOX_CODES, boxes_from_code
from drivetr.models import manifest
from drivetr.models.criterion import PETR_CODE_WEIGHTS
from drivetr.models.petr_layouts import DETR3D_LAYOUT, HEAD, PETR_LAYOUT, STREAMPETR_LAYOUT
from drivetr.structures.frame import collate_frames
from tests.engine.published_files import draw, halved, mmcv_file, published_state
from tests.models.samples import make_frame

CONFIG = Path(__file__).with_name("tiny_petr_config.py")


@pytest.fixture
def detector() -> nn.Module:
    return draw(DetectorSpec.of_config(load_config(CONFIG)).build_detector()[0])


@pytest.fixture
def state(detector) -> dict[str, Tensor]:
    return published_state(detector, PETR_LAYOUT, ["petr", "cpfpn"])


def run(path: Path, *words: str) -> int:
    """The command, into the folder `out` beside the file."""
    out = str(path.parent / "out")
    return main(["convert", str(path), "--config", str(CONFIG), "--out", out, *words])


@torch.no_grad()
def raw_boxes(detector: nn.Module) -> Tensor:
    return outputs_of(detector, collate_frames([make_frame()]))["pred_boxes"]


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_the_same_boxes_as_the_detector_itself(detector, state, kind, tmp_path, capsys):
    if kind == torch.float16:
        state = halved(state)
    path = mmcv_file(state, tmp_path / "petr.pth")
    assert run(path, "--box-convention", "petr") == 0
    said = capsys.readouterr().out
    assert "code_weights (a setting, which is in the config here)" in said
    loaded = drivetr.from_pretrained(tmp_path / "out")
    assert isinstance(loaded, LoadedDetector)
    detector.load_state_dict({k: t.to(kind).float() for k, t in detector.state_dict().items()})
    assert torch.equal(raw_boxes(loaded.detector), raw_boxes(detector))
    found = next(loaded.predict_frames([make_frame()]))
    assert len(found)
    described = json.loads((tmp_path / "out/config.json").read_text())
    assert described["source"] == "petr.pth"
    assert described["sha256"] == sha256(path.read_bytes()).hexdigest()
    assert described["box_convention"] == "petr"
    assert described["keys"] == "not verified"


@pytest.mark.parametrize("convention", ["petr", "streampetr", "mmdet3d_petr", "mmdet3d_detr3d"])
def test_boxes_are_read_in_the_convention_that_is_named(detector, state, convention, tmp_path):
    assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", convention) == 0
    loaded = load_detector(tmp_path / "out", "cpu")
    codes: list[Tensor] = []
    loaded.detector.head.regress[-1].register_forward_hook(lambda *call: codes.append(call[-1]))
    boxes = raw_boxes(loaded.detector)
    expected = boxes_from_code(codes[-1], BOX_CODES[convention])
    torch.testing.assert_close(boxes[..., 3:], expected[..., 3:])


FAMILIES = {
    "petrv2": (PETR_LAYOUT, ["petrv2", "cpfpn"], "petr"),
    "streampetr": (STREAMPETR_LAYOUT, ["streampetr", "cpfpn", "focal"], "streampetr"),
    "detr3d": (DETR3D_LAYOUT, ["detr3d", "fpn"], "petr"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_boxes_for_the_others_of_the_family(family, tmp_path, capsys):
    """Names and shapes of every manifest part, with this detector's sizes."""
    layout, parts, convention = FAMILIES[family]
    config = CONFIG.with_name(f"tiny_{family}_config.py")
    detector = draw(DetectorSpec.of_config(load_config(config)).build_detector()[0])
    path = mmcv_file(published_state(detector, layout, parts), tmp_path / "published.pth")
    words = ["convert", str(path), "--config", str(config), "--out", str(tmp_path / "out")]
    assert main([*words, "--box-convention", convention]) == 0
    assert "missing" not in capsys.readouterr().out
    loaded = load_detector(tmp_path / "out", "cpu")
    assert torch.equal(raw_boxes(loaded.detector), raw_boxes(detector))
    described = json.loads((tmp_path / "out/config.json").read_text())
    assert described["layout"] == layout.name


def test_the_average_is_taken_and_the_choice_is_told(detector, state, tmp_path, capsys):
    trained = {k: t + 1 if k.endswith("bias") else t for k, t in state.items()}
    twins = {f"ema_{k.replace('.', '_')}": t for k, t in state.items() if "code_w" not in k}
    path = mmcv_file(trained | twins, tmp_path / "petr.pth")
    assert run(path, "--box-convention", "petr") == 0
    assert "the averaged weights" in capsys.readouterr().out
    assert torch.equal(
        raw_boxes(load_detector(tmp_path / "out", "cpu").detector), raw_boxes(detector)
    )
    assert run(path, "--box-convention", "petr", "--weights", "trained") == 0
    assert "the weights as trained" in capsys.readouterr().out
    weights = json.loads((tmp_path / "out/config.json").read_text())["weights"]
    assert "as trained" in weights
    bias = load_detector(tmp_path / "out", "cpu").detector.input_proj.bias
    torch.testing.assert_close(bias, detector.input_proj.bias + 1)


def test_the_convention_has_to_be_named(state, tmp_path, capsys):
    path = mmcv_file(state, tmp_path / "petr.pth")
    assert run(path) == 2
    told = capsys.readouterr().err
    for name in ("petr:", "streampetr:", "mmdet3d_petr:", "mmdet3d_detr3d:"):
        assert name in told
    assert run(path, "--box-convention", "mmdet") == 2
    assert "--box-convention mmdet: unknown, expected one of petr:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_unknown_and_other_shapes_are_listed(state, tmp_path, capsys):
    state["pts_bbox_head.extra.weight"] = state.pop("img_neck.lateral_convs.0.conv.bias")
    state[f"{HEAD}reference_points.weight"] = torch.zeros(9, 3)
    assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", "petr") == 2
    told = capsys.readouterr().err
    assert "missing          1  neck.lateral_convs.0.conv.bias" in told
    assert "unexpected       1  pts_bbox_head.extra.weight" in told
    assert "queries.reference_points.weight [9, 3], expected [7, 3]" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("code_weights", [1.0] * 10, r"code_weights is [1.0, 1.0"),
        ("pc_range", [-54, -54, -5, 54, 54, 3.0], "has [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]"),
        ("position_range", [-65, -65, -8, 65, 65, 8.0], "has [-61.2, -61.2, -10.0, 61.2"),
        ("coords_d", list(range(64)), "coords_d is [0.0, 1.0"),
    ],
)
def test_settings_in_the_file_that_contradict_the_config(
    state, tmp_path, capsys, name, value, told
):
    state[HEAD + name] = torch.tensor(value, dtype=torch.float32)
    assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", "petr") == 2
    said = capsys.readouterr().err
    assert told in said
    assert "give the config that this checkpoint was trained with" in said


def test_settings_that_agree_are_no_weights(detector, state, tmp_path, capsys):
    state[f"{HEAD}pc_range"] = torch.tensor(detector.span)
    state[f"{HEAD}coords_d"] = detector.position.depths
    assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", "petr") == 0
    assert "ignored          3" in capsys.readouterr().out


def test_a_head_for_training_only_is_left_out(state, tmp_path, capsys):
    state["img_roi_head.cls.weight"] = torch.zeros(2)
    assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", "petr") == 0
    assert "img_roi_head.cls.weight (a head of 2D boxes for training" in capsys.readouterr().out


class Malicious:
    """Pickled, it would run a program."""

    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def test_a_file_with_code_is_refused(state, tmp_path, capsys):
    torch.save({"meta": Malicious(), "state_dict": state}, tmp_path / "petr.pth")
    assert run(tmp_path / "petr.pth", "--box-convention", "petr") == 2
    told = capsys.readouterr().err
    assert "holds pickled objects (exec), which drivetr never runs" in told
    assert "save its state dict alone" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "petr_vov_p4_320x80", "--out", "o"], "did you mean 'petr_vov_p4_320x800'?"),
        (["--model", "detr_r50", "--out", "o", "--box-convention", "petr"], "finds no 3D boxes"),
        (["--model", "detr_r50", "--config", str(CONFIG), "--out", "o"], "names a config already"),
        (["--config", str(CONFIG), "--out", "o", "--set", "a=1"], "tells everything; leave it out"),
        (["--config", "none.py", "--out", "o"], "config none.py does not exist"),
        (["--config", str(CONFIG), "--out", "o"], "--box-convention is missing: names and shapes"),
        (
            ["--model", "petrv2_vov_p4_320x800", "--out", "o", "--box-convention", "streampetr"],
            "petrv2_vov_p4_320x800 was published as petr: ",
        ),
    ],
)
def test_words_that_do_not_go_together_with_any_file(tmp_path, capsys, words, told):
    (tmp_path / "petr.pth").write_bytes(b"words are checked before this is read")
    assert main(["convert", str(tmp_path / "petr.pth"), *words]) == 2
    assert told in capsys.readouterr().err


def test_all_names_are_listed(capsys):
    assert main(["convert", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "detr_r50\n" in listed
    assert "petr_vov_p4_320x800 (--box-convention petr or mmdet3d_petr; keys verified)" in listed


class TestManifest:
    """A published name: the file is compared with the list before anything else is done."""

    @pytest.fixture
    def listed(self, state, tmp_path, monkeypatch):
        """A metafile with the tiny detector, whose list is that of the state."""
        (tmp_path / "parts").mkdir()
        shapes = {key: [*tensor.shape] for key, tensor in state.items()}
        shapes[f"{HEAD}reference_points.weight"] = ["num_queries", 3]
        (tmp_path / "parts/tiny.json").write_text(json.dumps(shapes))
        (tmp_path / "metafile.yml").write_text(
            f"models:\n  tiny:\n    config: {CONFIG}\n    box_conventions: [petr, mmdet3d_petr]\n"
            "    keys: {parts: [tiny], sizes: {num_queries: 7}, verified: true}\n"
        )
        monkeypatch.setattr(manifest, "FOLDER", tmp_path / "parts")
        monkeypatch.setattr("drivetr.engine.zoo.configs_folder", lambda: tmp_path)
        return ["--model", "tiny", "--out", str(tmp_path / "out"), "--box-convention"]

    def test_as_published(self, listed, state, tmp_path, detector):
        path = mmcv_file(state, tmp_path / "petr.pth")
        assert main(["convert", str(path), *listed, "petr"]) == 0
        described = json.loads((tmp_path / "out/config.json").read_text())
        assert described["keys"] == "verified"
        assert described["name"] == "tiny"
        loaded = load_detector(tmp_path / "out", "cpu")
        assert torch.equal(raw_boxes(loaded.detector), raw_boxes(detector))

    def test_other_names_and_shapes_are_told_in_the_publishers_words(
        self, listed, state, tmp_path, capsys
    ):
        state["pts_bbox_head.extra.weight"] = state.pop("img_neck.lateral_convs.0.conv.bias")
        state[f"{HEAD}reference_points.weight"] = torch.zeros(9, 3)
        path = mmcv_file(state, tmp_path / "petr.pth")
        assert main(["convert", str(path), *listed, "petr"]) == 2
        told = capsys.readouterr().err
        assert "names and shapes are not those that were published" in told
        assert "missing          1  img_neck.lateral_convs.0.conv.bias" in told
        assert "unexpected       1  pts_bbox_head.extra.weight" in told
        assert "pts_bbox_head.reference_points.weight [9, 3], expected [7, 3]" in told

    def test_names_that_tell_no_layout_are_compared_all_the_same(
        self, listed, state, tmp_path, capsys
    ):
        lost = [name for name in state if name.startswith(f"{HEAD}adapt_pos3d.")]
        lost += [name for name in state if name.startswith("img_neck.")]
        for name in lost:
            del state[name]
        path = mmcv_file(state, tmp_path / "petr.pth")
        assert main(["convert", str(path), *listed, "petr"]) == 2
        told = capsys.readouterr().err
        assert f"missing      {len(lost):5d}" in told
        assert all(name in told for name in lost)
        assert "layouts" not in told

    def test_a_convention_that_it_was_not_published_in(self, listed, state, tmp_path, capsys):
        path = mmcv_file(state, tmp_path / "petr.pth")
        assert main(["convert", str(path), *listed, "streampetr"]) == 2
        told = capsys.readouterr().err
        assert "--box-convention streampetr: tiny was published as petr: PETR" in told


PUBLISHED = (
    *("petr_vov_p4_320x800", "petr_r50dcn_c5_512x1408", "petrv2_vov_p4_320x800"),
    *("streampetr_r50_256x704_428q_60e", "detr3d_r101dcn_900x1600"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_from_the_name_to_the_same_boxes(name, tmp_path):
    """A whole checkpoint in half precision, whose names and shapes the manifest lets pass."""
    entry = published_detectors()[name]
    config = load_config(entry.config)
    detector = draw(DetectorSpec.of_config(config).build_detector()[0])
    detector.load_state_dict(halved(detector.state_dict()))
    layout = FAMILIES.get(name.split("_")[0], (PETR_LAYOUT,))[0]
    weights = config.criterion.get("code_weights", PETR_CODE_WEIGHTS)
    state = published_state(detector, layout, entry.parts, weights)
    path = mmcv_file(halved(state), tmp_path / "published.pth")
    words = ["--model", name, "--box-convention", entry.box_conventions[0]]
    assert main(["convert", str(path), *words, "--out", str(tmp_path / "out")]) == 0
    loaded = load_detector(tmp_path / "out", "cpu")
    assert torch.equal(raw_boxes(loaded.detector), raw_boxes(detector))


def kill(path: Path) -> None:
    raise SystemExit("killed")


class TestFolder:
    @pytest.fixture
    def converted(self, state, tmp_path):
        assert run(mmcv_file(state, tmp_path / "petr.pth"), "--box-convention", "petr") == 0
        return tmp_path / "out"

    def test_the_description_names_no_class_but_drivetr_s(self, converted):
        described = json.loads((converted / "config.json").read_text())
        described["detector"]["model"]["type"] = "os:system"
        (converted / "config.json").write_text(json.dumps(described))
        with pytest.raises(DrivetrError, match="not in drivetr's table of classes"):
            drivetr.from_pretrained(converted)

    @pytest.mark.parametrize("change", [{"format": 2}, {"family": "petr"}, {"detector": [1]}])
    def test_a_description_of_something_else(self, converted, change):
        described = json.loads((converted / "config.json").read_text())
        (converted / "config.json").write_text(json.dumps(described | change))
        with pytest.raises(
            DrivetrError, match=r"config\.json: found format|description of the model is damaged"
        ):
            load_detector(converted, "cpu")

    def test_a_kill_between_weights_and_description(self, converted, state, tmp_path, monkeypatch):
        before = (converted / "model.safetensors").read_bytes()
        state = {name: t + 1 if name.endswith("bias") else t for name, t in state.items()}
        path = mmcv_file(state, tmp_path / "other.pth")
        monkeypatch.setattr("drivetr.engine.detector_folder.atomic_text", kill)
        with pytest.raises(SystemExit, match="killed"):
            run(path, "--box-convention", "streampetr")
        assert (converted / "model.safetensors").read_bytes() != before
        with pytest.raises(DrivetrError, match=r"not the file that config\.json describes"):
            drivetr.from_pretrained(converted)
        monkeypatch.undo()
        assert run(path, "--box-convention", "streampetr") == 0
        assert drivetr.from_pretrained(converted).detector.head.code.name == "streampetr"

    def test_a_device_may_be_named(self, converted):
        loaded = drivetr.from_pretrained(converted, device="cpu")
        assert isinstance(loaded, LoadedDetector)
        assert loaded.device.type == "cpu"
        with pytest.raises(DrivetrError, match="--device mps is not supported"):
            drivetr.from_pretrained(converted, device="mps")

    def test_with_another_config(self, converted):
        config = load_config(CONFIG, {"model.head.code": "streampetr"})
        assert load_detector(converted, "cpu", config).detector.head.code.name == "streampetr"

    @pytest.mark.slow
    def test_is_tested_like_a_checkpoint(
        self, converted, nuscenes_real, tmp_path, capsys, monkeypatch
    ):
        nuscenes_real = nuscenes_real.resolve()
        monkeypatch.chdir(tmp_path)
        words = ["--dataroot", str(nuscenes_real), "--version", "v1.0-mini", "--device", "cpu"]
        assert main(["test", str(converted), *words]) == 0
        said = capsys.readouterr().out
        assert "NDS" in said
        assert "Submission: work_dirs/out/results.json" in said
        assert {p.name for p in converted.iterdir()} == {"config.json", "model.safetensors"}
        assert (tmp_path / "work_dirs/out/metrics.json").is_file()
        replay = ["replay", str(nuscenes_real), "--version", "v1.0-mini", "--split", "mini_val"]
        frames = ["--checkpoint", str(converted), "--png", str(tmp_path / "frames")]
        assert main([*replay, *frames, "--width", "320"]) == 0
        assert any((tmp_path / "frames").rglob("*.png"))
