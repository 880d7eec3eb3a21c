"""The memory of queries: what is recalled, moved, kept and forgotten."""

import math

import pytest
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.geometry.rigid import rotation_about_z
from drivetr.nn.query_memory import QueryMemory
from drivetr.structures.moments import Moments
from drivetr.structures.stream_memory import StreamMemory

SPAN = (-20.0, -20.0, -4.0, 20.0, 20.0, 4.0)
F64 = torch.float64


def build(length: int = 6, propagated: int = 2, pushed: int = 3) -> QueryMemory:
    torch.manual_seed(0)
    return QueryMemory(SPAN, 8, length, propagated, pushed)


def moments_at(seconds: float, x: float = 0.0, yaw: float = 0.0, continues: bool = True) -> Moments:
    """One lane; the car stands at (x, 0), far from the map's origin, and looks along yaw."""
    pose = torch.eye(4, dtype=F64)
    pose[:3, :3] = rotation_about_z(torch.tensor(yaw, dtype=F64))
    pose[:3, 3] = torch.tensor([1000.0 + x, 2000.0, 1.0], dtype=F64)
    return Moments(
        pose[None], torch.tensor([1.5e9 + seconds], dtype=F64), torch.tensor([continues])
    )


def outputs_with(scores: list[float], xs: list[float], blind: bool = False) -> dict:
    count = len(scores)
    centre = torch.stack([torch.tensor(xs), torch.zeros(count), torch.zeros(count)], dim=-1)
    boxes = make_boxes(centre, torch.ones(count, 3), torch.zeros(count), torch.ones(count, 2))
    logits = torch.full((1, count, 2), -5.0)
    logits[0, :, 1] = torch.tensor(scores).logit()
    return {
        "pred_logits": logits,
        "pred_boxes": boxes[None],
        "queries": torch.arange(count).float()[None, :, None].expand(1, count, 8),
        "ids": 100 + torch.arange(count)[None],
        "blind": torch.tensor([blind]),
    }


class TestRecall:
    def test_a_fresh_lane_has_pseudo_queries_and_empty_rows(self):
        memory = build()
        recalled = memory.recall(None, moments_at(0.0))
        low, high = torch.tensor(SPAN[:3]), torch.tensor(SPAN[3:])
        expected = memory.pseudo_reference_points * (high - low) + low
        torch.testing.assert_close(recalled.reference[0, :2].float(), expected)
        assert (recalled.frame_from_lidar[0, 2:] == 0).all()
        assert (recalled.ids == -1).all()

    def test_a_standing_object_stays_where_it_is_in_the_world(self):
        """The car drives 3 m and turns left; an object 5 m ahead of it is then 2 m to its right."""
        memory = build()
        first = moments_at(0.0)
        kept = memory.remember(
            memory.recall(None, first), outputs_with([0.9] * 3, [5.0] * 3), first
        )
        recalled = memory.recall(kept, moments_at(0.5, x=3.0, yaw=math.pi / 2))
        expected = torch.tensor([0.0, -2.0, 0.0], dtype=F64)
        torch.testing.assert_close(recalled.reference[0, 0], expected, atol=1e-9, rtol=0)
        assert recalled.age_s[0, 0] == pytest.approx(0.5, abs=1e-6)

    def test_what_was_empty_grows_older_but_stays_empty(self):
        memory = build()
        first = moments_at(0.0)
        kept = memory.remember(
            memory.recall(None, first), outputs_with([0.9] * 3, [5.0] * 3), first
        )
        recalled = memory.recall(kept, moments_at(0.5, x=3.0))
        assert (recalled.frame_from_lidar[0, -1] == 0).all()

    def test_a_new_scene_forgets_its_lane_only(self):
        memory = build()
        lanes = [moments_at(0.0), moments_at(7.0, x=50.0)]
        first = Moments(
            torch.cat([m.global_from_lidar for m in lanes]),
            torch.cat([m.timestamp_s for m in lanes]),
            torch.tensor([False, False]),
        )
        found = outputs_with([0.9, 0.8, 0.7], [1.0, 2.0, 3.0])
        found = {k: torch.cat([v, v]) for k, v in found.items()}
        kept = memory.remember(memory.recall(None, first), found, first)
        second = Moments(
            first.global_from_lidar, first.timestamp_s + 0.5, torch.tensor([True, False])
        )
        recalled, fresh = memory.recall(kept, second), memory.recall(None, second)
        for name in ("content", "reference", "age_s", "frame_from_lidar", "velocity", "ids"):
            both, new = getattr(recalled, name), getattr(fresh, name)
            assert torch.equal(both[1], new[1])
            assert not torch.equal(both[0], new[0])


class TestRemember:
    def test_the_best_come_first_and_the_oldest_are_dropped(self):
        memory = build(length=4, propagated=2, pushed=3)
        first = moments_at(0.0)
        found = outputs_with([0.1, 0.9, 0.5, 0.7], [0.0, 1.0, 2.0, 3.0])
        kept = memory.remember(memory.recall(None, first), found, first)
        assert kept.ids[0].tolist() == [101, 103, 102, -1]
        second = moments_at(0.5)
        kept = memory.remember(
            memory.recall(kept, second), outputs_with([0.6] * 3, [9.0] * 3), second
        )
        assert kept.ids.shape == (1, 4)
        assert kept.ids[0, 3] == 101
        assert kept.content[0, 3, 0] == 1.0

    def test_a_blind_frame_pushes_nothing_out(self):
        memory = build()
        first, second = moments_at(0.0), moments_at(0.5)
        kept = memory.remember(
            memory.recall(None, first), outputs_with([0.9] * 3, [5.0] * 3), first
        )
        blind = outputs_with([0.9] * 3, [7.0] * 3, blind=True)
        after = memory.remember(memory.recall(kept, second), blind, second)
        assert torch.equal(after.ids, kept.ids)
        torch.testing.assert_close(after.reference, kept.reference, atol=1e-9, rtol=0)

    def test_nothing_of_it_asks_for_gradients(self):
        memory = build()
        first = moments_at(0.0)
        found = outputs_with([0.9] * 3, [5.0] * 3)
        found["queries"] = found["queries"].clone().requires_grad_()
        kept = memory.remember(memory.recall(None, first), found, first)
        assert not kept.content.requires_grad

    def test_global_places_keep_their_digits(self):
        """A centimetre 2 km from the origin, there and back, in 64 bits and in 32."""
        exact, rounded = build(), QueryMemory(SPAN, 8, 6, 2, 3, single_precision=True)
        first = moments_at(0.0, yaw=0.3)
        off = []
        for memory in (exact, rounded):
            found = outputs_with([0.9] * 3, [5.0123456] * 3)
            kept = memory.remember(memory.recall(None, first), found, first)
            back = memory.recall(kept, first).reference[0, 0, 0]
            off.append(abs(float(back) - float(torch.tensor(5.0123456))))
        assert off[0] < 1e-9
        assert 1e-7 < off[1] < 1e-3


def test_a_query_cannot_go_on_twice():
    with pytest.raises(ValueError, match="expected 0 <= num_propagated"):
        QueryMemory(SPAN, 8, 6, 4, 3)


def test_times_need_64_bits():
    moments = moments_at(0.0)
    with pytest.raises(ValueError, match=r"float32, expected torch\.float64"):
        Moments(moments.global_from_lidar, moments.timestamp_s.float(), moments.continues)


def test_an_empty_memory_moves_nowhere():
    empty = StreamMemory.empty(2, 3, 4)
    moved = empty.moved(
        moments_at(0.0).global_from_lidar.expand(2, -1, -1), torch.zeros(2).double()
    )
    assert (moved.frame_from_lidar == 0).all()
