"""Knock-outs: bent rigs, and no memory."""

import pytest
import torch

from benchmarks.knockouts import RIGS, forgetful, knocked_out
from drivetr.engine.training import answer
from tests.cli.replay_world import CONFIG, VERSION, random_checkpoint
from tests.models.test_streampetr import build
from tests.models.test_streampetr import drive as frames_of_a_drive


@pytest.mark.parametrize("name", RIGS)
def test_a_bent_rig_bends_what_the_detector_is_told(name, drive, tmp_path):
    checkpoint = random_checkpoint(CONFIG, tmp_path)
    names = (drive, VERSION, "synth_val")
    bent, straight = (
        knocked_out(str(checkpoint), key).dataset(*names)[0] for key in (name, "none")
    )
    assert not torch.equal(bent.cameras.img_from_lidar, straight.cameras.img_from_lidar)
    assert torch.equal(bent.images, straight.images)


@torch.no_grad()
def test_a_forgetful_detector_meets_every_frame_for_the_first_time():
    model, (first, second) = build(), frames_of_a_drive(2)

    class Batch:
        inputs = second

    _, memory = model(*first)
    alone, _ = model(*second)
    remembering, _ = answer(model, Batch, memory)
    forgotten, _ = answer(forgetful(model), Batch, memory)
    assert torch.equal(forgotten["pred_boxes"], alone["pred_boxes"])
    assert not torch.equal(remembering["pred_boxes"], alone["pred_boxes"])
