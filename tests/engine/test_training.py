"""The training wrapper: its losses, and its gradients over several processes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch import multiprocessing as mp

from drivetr.engine.training import DetectorTraining
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.structures.frame import Batch, collate_frames
from tests.engine.tiny import TinyBackbone, TinyCriterion, TinyDataset, TinyDenoising, TinyDetector
from tests.engine.tiny_stream import TinyScenes, TinyStreamDetector


def tiny_training(denoising: TinyDenoising | None = None) -> DetectorTraining:
    torch.manual_seed(0)
    training = DetectorTraining(TinyDetector(TinyBackbone()), TinyCriterion(), denoising)
    training.detector.dropout.p = 0.0
    training.detector.backbone.norm.eval()  # its statistics would be those of half a batch
    return training


def batch_of(indices: list[int]) -> Batch:
    dataset = TinyDataset(("root", "v"), "train")
    return collate_frames([dataset[i] for i in indices])


class PositiveDetector(TinyDetector):
    """Boxes of positive size, which the set loss takes the logarithm of."""

    def forward(self, images, cameras, moments=None, noised=None):
        outputs, memory = super().forward(images, cameras, moments, noised)
        return {**outputs, "pred_boxes": nn.functional.softplus(outputs["pred_boxes"])}, memory


def set_training() -> DetectorTraining:
    """With the loss that the detectors of this package are trained with."""
    training = tiny_training()
    detector = PositiveDetector(training.detector.backbone)
    detector.dropout.p = 0.0
    return DetectorTraining(detector, SetCriterion(HungarianMatcher(), num_classes=2))


def truth_only_for(batch: Batch, wanted: list[str]) -> Batch:
    """The batch with boxes of positive size, and none for frames that are not wanted."""
    targets = [
        replace(target, boxes=target.boxes + torch.rand(2, 10) + 0.5)[: 2 * (f.token in wanted)]
        for target, f in zip(batch.targets, batch.frames, strict=True)
    ]
    return replace(batch, targets=targets)


class TestTurns:
    """Batches of lanes that take turns do not know of each other."""

    @staticmethod
    def training(turns: int) -> DetectorTraining:
        torch.manual_seed(0)
        detector = TinyStreamDetector(TinyBackbone()).eval()
        return DetectorTraining(detector, TinyCriterion(), turns=turns)

    @staticmethod
    def scenes(*starts: int) -> list[Batch]:
        """Two consecutive frames of the scenes that start there."""
        data = TinyScenes(("root", "v"), "train")
        return [collate_frames([data[s + t] for s in starts]) for t in range(2)]

    def test_each_has_its_own_memory(self):
        alone, both = self.training(1), self.training(2)
        (first, second), (other, _) = self.scenes(0), self.scenes(9)
        alone(first)
        for batch in (first, other):
            both(batch)
        assert both(second) == alone(second)

    def test_memories_come_back_in_their_order(self):
        training, resumed = self.training(3), self.training(3)
        (first, second), (other, third) = self.scenes(0), self.scenes(9)
        for batch in (first, other):
            training(batch)
        resumed.load_memory(training.memory_state())
        assert [memory is None for memory in resumed.memories] == [True, False, False]
        for batch in (first, second, third):
            assert resumed(batch) == training(batch)
        forgetful = self.training(3)
        assert forgetful(second) != training(second)


class TestLosses:
    def test_sum_and_log(self):
        training = tiny_training()
        losses = training(batch_of([0, 1]))
        total, log = training.parse_losses(losses)
        assert total.item() == pytest.approx(sum(v.item() for v in losses.values()))
        assert log == {"loss": total.item(), **{k: v.item() for k, v in losses.items()}}

    def test_denoising_is_handed_to_the_detector(self):
        plain, noised = tiny_training(), tiny_training(TinyDenoising())
        batch = batch_of([0, 1])
        assert plain(batch)["loss_cls"] != noised(batch)["loss_cls"]

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
    def test_not_finite(self, bad):
        training = tiny_training()
        with torch.no_grad():
            training.criterion.weight.fill_(bad)
        with pytest.raises(FloatingPointError, match=r"not finite \(loss_bbox = -?(nan|inf)"):
            training.parse_losses(training(batch_of([0, 1])))


def backward(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Gradients of a training step, of a model that may be wrapped for several processes."""
    training = getattr(model, "module", model)
    training.parse_losses(model(batch))[0].backward()
    return {name: p.grad for name, p in training.named_parameters()}


def set_batch(indices: list[int]) -> Batch:
    """Frames of which only the first two have objects."""
    torch.manual_seed(indices[0])
    return truth_only_for(batch_of(indices), ["token0", "token1"])


def _gradients_of_one_process(rank: int, folder: str) -> None:
    """Runs in a process of its own: wraps as the runner does and saves the gradients."""
    from drivetr.engine.devices import start_processes
    from drivetr.engine.gather import gathered
    from drivetr.engine.rng import rng_state
    from drivetr.engine.runner import wrapped_for_processes

    cpu = torch.device("cpu")
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": Path(folder, "port").read_text()}
    assert start_processes("pytorch") == (rank, 2)
    plain = backward(wrapped_for_processes(tiny_training(), cpu), batch_of([[0, 2], [1, 3]][rank]))
    lonely = backward(wrapped_for_processes(set_training(), cpu), set_batch([[0, 1], [2, 3]][rank]))
    torch.manual_seed(rank)
    states = gathered(rng_state(cpu))
    held = gathered({"flag": torch.tensor([rank == 1]), "time": torch.tensor(0.5 + rank).double()})
    torch.save([plain, lonely, states, held], Path(folder, f"rank{rank}.pth"))
    distributed.destroy_process_group()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[list]:
    """What each of two processes saved: gradients, and the random states it gathered."""
    folder = tmp_path_factory.mktemp("ddp")
    (folder / "port").write_text(str(_free_port()))
    mp.spawn(_gradients_of_one_process, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pth", weights_only=True) for rank in range(2)]


class TestTwoProcesses:
    def test_gradients_equal_those_of_one_process_on_the_global_batch(self, results):
        expected = backward(tiny_training(), batch_of([0, 1, 2, 3]))
        for gradients, *_ in results:
            torch.testing.assert_close(gradients, expected)

    def test_the_same_where_one_process_sees_no_object(self, results):
        expected = backward(set_training(), set_batch([0, 1, 2, 3]))
        for _, gradients, *_ in results:
            torch.testing.assert_close(gradients, expected)

    def test_random_states_of_all_ranks_are_gathered(self, results):
        expected: list[Tensor] = []
        for rank in range(2):
            torch.manual_seed(rank)
            expected.append(torch.get_rng_state())
        for _, _, states, _ in results:
            assert all(torch.equal(s["torch"], e) for s, e in zip(states, expected, strict=True))

    def test_tensors_of_every_type_and_shape_are_gathered(self, results):
        for *_, held in results:
            assert [rank["flag"].tolist() for rank in held] == [[False], [True]]
            assert [rank["time"].item() for rank in held] == [0.5, 1.5]
            assert held[0]["time"].dtype == torch.float64
