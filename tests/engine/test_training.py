"""The training wrapper: its losses, and its gradients over several processes."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed
from torch import multiprocessing as mp

from drivetr.engine.training import DetectorTraining
from drivetr.structures.frame import Batch, collate_frames
from tests.engine.tiny import TinyBackbone, TinyCriterion, TinyDataset, TinyDenoising, TinyDetector


def tiny_training(denoising: TinyDenoising | None = None) -> DetectorTraining:
    torch.manual_seed(0)
    training = DetectorTraining(TinyDetector(TinyBackbone()), TinyCriterion(), denoising)
    training.detector.dropout.p = 0.0
    training.detector.backbone.norm.eval()  # its statistics would be those of half a batch
    return training


def batch_of(indices: list[int]) -> Batch:
    dataset = TinyDataset(("root", "v"), "train")
    return collate_frames([dataset[i] for i in indices])


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
            training(batch_of([0, 1]))


def _gradients_of_one_process(rank: int, folder: str) -> None:
    """Runs in a process of its own: wraps as the runner does and saves the gradients."""
    from drivetr.engine.devices import start_processes
    from drivetr.engine.rng import gather_rng_states
    from drivetr.engine.runner import wrapped_for_processes

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": Path(folder, "port").read_text()}
    assert start_processes("pytorch") == (rank, 2)
    model = wrapped_for_processes(tiny_training(), torch.device("cpu"))
    losses = model(batch_of([[0, 2], [1, 3]][rank]))
    model.module.parse_losses(losses)[0].backward()
    torch.manual_seed(rank)
    states = gather_rng_states(torch.device("cpu"))
    gradients = {name: p.grad for name, p in model.module.named_parameters()}
    torch.save([gradients, states], Path(folder, f"rank{rank}.pth"))
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
        training = tiny_training()
        training.parse_losses(training(batch_of([0, 1, 2, 3])))[0].backward()
        for name, parameter in training.named_parameters():
            for gradients, _ in results:
                torch.testing.assert_close(gradients[name], parameter.grad, msg=name)

    def test_random_states_of_all_ranks_are_gathered(self, results):
        expected: list[Tensor] = []
        for rank in range(2):
            torch.manual_seed(rank)
            expected.append(torch.get_rng_state())
        for _, states in results:
            assert all(torch.equal(s["torch"], e) for s, e in zip(states, expected, strict=True))
