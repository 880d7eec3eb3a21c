"""A StreamPETR that sees a drive frame by frame, and the same frames in the lanes of a training."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from drivetr.data.sampler import DrawKey
from drivetr.engine.api import FrameStream, LoadedDetector
from drivetr.engine.loaders import LoaderSettings, TrainLoaderSettings, batches, loader_for_training
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.training import answer
from drivetr.models.denoising import QueryDenoising
from drivetr.models.postprocess import TopKPostprocess
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame, collate_frames
from tests.models.samples import make_cameras, make_targets
from tests.models.test_streampetr import LENGTH, SPAN, build

CPU = torch.device("cpu")
SCENES, FRAMES = 4, 5  # of each scene
NAMES = ("pred_logits", "pred_boxes")


def frame_cameras() -> Cameras:
    batch = make_cameras(1)
    return replace(
        batch,
        img_from_lidar=batch.img_from_lidar[0],
        image_size=batch.image_size[0],
        valid=batch.valid[0],
    )


class Drives(torch.utils.data.Dataset[Frame]):
    """Scenes of noise images, in which the car goes on by a metre and turns."""

    collate = staticmethod(collate_frames)

    def __init__(self, scenes: int = SCENES, frames: int = FRAMES) -> None:
        self.scenes, self.frames = scenes, frames

    def __len__(self) -> int:
        return self.scenes * self.frames

    def sequences(self) -> list[range]:
        return [range(i, i + self.frames) for i in range(0, len(self), self.frames)]

    def __getitem__(self, key: int | DrawKey) -> Frame:
        index = key.index if isinstance(key, DrawKey) else key
        scene, number = divmod(index, self.frames)
        generator = torch.Generator().manual_seed(index)
        angle = torch.tensor(0.05 * number, dtype=torch.float64)
        pose = torch.eye(4, dtype=torch.float64)
        pose[:2, :2] = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
        pose[0, 3] = 300.0 + 50 * scene + number
        return Frame(
            token=f"{scene}/{number}",
            scene=str(scene),
            timestamp_us=1_500_000_000_000_000 + 500_000 * number,
            images=torch.randint(0, 256, (6, 3, 96, 256), generator=generator, dtype=torch.uint8),
            cameras=frame_cameras(),
            camera_names=tuple("abcdef"),
            global_from_lidar=pose,
            ego_from_lidar=torch.eye(4, dtype=torch.float64),
            targets=make_targets(3, seed=index),
            continues=number > 0 and (not isinstance(key, DrawKey) or key.continues),
        )


@pytest.fixture(scope="module")
def loaded() -> LoadedDetector:
    spec = DetectorSpec({}, {}, {}, (), "test")
    return LoadedDetector(build(), TopKPostprocess(), spec, CPU)


@torch.no_grad()
def one_lane(model: nn.Module, dataset: Drives) -> dict[str, dict[str, torch.Tensor]]:
    """Outputs of every frame, streamed in the order of the dataset."""
    memory, found = None, {}
    for i in range(len(dataset)):
        batch = collate_frames([dataset[i]])
        outputs, memory = answer(model, batch, memory)
        found[batch.frames[0].token] = {name: outputs[name][0] for name in NAMES}
    return found


class TestLanes:
    @pytest.mark.parametrize("lanes", [2, 4])
    def test_batched_training_forward_equals_one_lane(self, loaded, lanes):
        """In training mode and beside noised queries; lanes hold several scenes."""
        dataset, model = Drives(), loaded.detector
        expected = one_lane(model, dataset)
        settings = TrainLoaderSettings(lanes, 0, streaming=True, sequences_per_scene=1)
        sequences = settings.sequences(dataset)
        loader = loader_for_training(dataset, settings, 3, CPU, sequences)
        denoising = QueryDenoising(10, SPAN, groups=2)
        model.train()
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eval()  # else it looks at all lanes together
        memory, compared, largest = None, 0, 0.0
        with torch.no_grad():
            for batch in batches(loader):
                noised = denoising(batch.targets)
                outputs, memory = answer(model, batch, memory, noised=noised)
                for lane, frame in enumerate(batch.frames):
                    alone = expected[frame.token]
                    for name in NAMES:
                        difference = (outputs[name][lane] - alone[name]).abs().max().item()
                        largest = max(largest, difference)
                compared += len(batch.frames)
                if compared == len(dataset):
                    break
        model.eval()
        assert largest < 1e-5

    def test_the_memory_matters(self, loaded):
        """Without it the equality above would hold by itself."""
        dataset = Drives(1, 2)
        streamed = one_lane(loaded.detector, dataset)["0/1"]
        with torch.no_grad():
            alone, _ = answer(loaded.detector, collate_frames([dataset[1]]))
        assert (alone["pred_logits"][0] - streamed["pred_logits"]).abs().max() > 1e-3


class TestPredictions:
    def test_a_split_is_streamed_frame_by_frame(self, loaded):
        dataset = Drives(2, 3)
        found = list(loaded.predictions(dataset, LoaderSettings(batch_size=3, num_workers=0)))
        assert [frame.token for frame, _ in found] == [dataset[i].token for i in range(6)]
        expected = one_lane(loaded.detector, dataset)
        for frame, detections in found:
            outputs = {name: value[None] for name, value in expected[frame.token].items()}
            (wanted,) = loaded.postprocess(outputs)
            torch.testing.assert_close(detections.boxes, wanted.boxes)
            torch.testing.assert_close(detections.scores, wanted.scores)

    def test_a_scene_is_predicted_as_if_it_were_alone(self, loaded):
        """With the numbers of its queries, which a memory would count on from scene to scene."""
        settings = LoaderSettings(num_workers=0)
        dataset = Drives(2, 3)
        together = [found for _, found in loaded.predictions(dataset, settings)][3:]
        (_, unit) = loaded.units(dataset, settings)
        alone = [found for _, found in loaded.predictions(dataset, settings, [unit])]
        for one, other in zip(together, alone, strict=True):
            assert torch.equal(one.boxes, other.boxes)
            assert torch.equal(one.ids, other.ids)

    def test_frames_equal_the_split(self, loaded):
        dataset = Drives(2, 3)
        pairs = list(loaded.predictions(dataset, LoaderSettings(num_workers=0)))
        stream = loaded.predict_frames(dataset[i] for i in range(6))
        for found, (_, expected) in zip(stream, pairs, strict=True):
            torch.testing.assert_close(found.boxes, expected.boxes)

    @pytest.mark.parametrize("before", [0, 2, 7])
    def test_a_frame_out_of_order_starts_afresh(self, loaded, before):
        """Nothing is remembered from two frames earlier, from the frame itself, or elsewhere."""
        dataset, stream = Drives(2, 5), FrameStream(loaded)
        stream.next(dataset[before])
        found = stream.next(dataset[2])
        (expected,), _ = loaded.step(collate_frames([dataset[2]]))
        torch.testing.assert_close(found.scores, expected.scores)

    def test_a_frame_in_order_does_not(self, loaded):
        dataset, stream = Drives(2, 5), FrameStream(loaded)
        stream.next(dataset[1])
        found = stream.next(dataset[2])
        (alone,), _ = loaded.step(collate_frames([dataset[2]]))
        assert (found.scores - alone.scores).abs().max() > 1e-4


class TestCost:
    def test_neither_work_nor_memory_grows(self, loaded):
        """Multiplications of the last frame are those of the second, the first with a memory."""
        dataset, memory = Drives(1, 8), None
        counts, sizes = [], []
        for i in range(len(dataset)):
            batch = collate_frames([dataset[i]])
            with FlopCounterMode(display=False) as counter:
                _, memory = loaded.step(batch, memory)
            counts.append(counter.get_total_flops())
            sizes.append([tuple(value.shape) for value in vars(memory).values()])
        assert counts[0] > 10**8
        assert set(counts[1:]) == {counts[1]}
        assert all(size == sizes[0] for size in sizes)
        assert memory.content.shape[:2] == (1, LENGTH)
        held = vars(memory).values()
        assert all(v.untyped_storage().nbytes() == v.numel() * v.itemsize for v in held)
