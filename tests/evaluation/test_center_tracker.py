"""The tracker against a slow one that looks at every pair, made by hand, and shuffled."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetr.evaluation.center_tracker import Sightings, follow_centers

LIMITS = np.array([2.0, 4.0])


def frame(time_s, *rows):
    """Rows of x, y, vx, vy, score, label."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Sightings(time_s, table[:, :2], table[:, 2:4], table[:, 4], table[:, 5].astype(np.int64))


def random_scene(rng, scores):
    """Frames at odd times with boxes in a small place, so that there is much to confuse."""
    frames, time_s = [], 0.0
    for _ in range(rng.integers(2, 7)):
        count = rng.integers(0, 7)
        rows = np.column_stack(
            [
                rng.uniform(-4, 4, (count, 2)),
                rng.uniform(-3, 3, (count, 2)),
                rng.choice(scores, count),
                rng.integers(0, 2, count),
            ]
        )
        frames.append(frame(time_s, *rows))
        time_s += rng.uniform(0.05, 0.6)
    return frames


def best_pair(boxes, tracks, step):
    """The free box and old track that come first of all pairs that are allowed, or None."""
    pairs = []
    for place, box in enumerate(boxes):
        for track in tracks:
            x, y = box["x"] - step * box["vx"], box["y"] - step * box["vy"]
            away = math.hypot(x - track["x"], y - track["y"])
            free = box["id"] is None and track["age"] > 0
            if free and box["label"] == track["label"] and away <= LIMITS[box["label"]]:
                pairs.append((-box["score"], away, place, track["id"]))
    if not pairs:
        return None
    _, _, place, number = min(pairs)
    return boxes[place], next(track for track in tracks if track["id"] == number)


def brute_force(frames, max_age):
    """Takes the best pair of a box and a track out of all, again and again."""
    tracks, numbers, earlier, found = [], iter(range(1000)), frames[0].time_s, []
    for now in frames:
        step, earlier = now.time_s - earlier, now.time_s
        columns = (*now.centers.T, *now.velocities.T, now.scores, now.labels)
        names = ("x", "y", "vx", "vy", "score", "label")
        boxes = [
            {"id": None, **dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)
        ]
        while pair := best_pair(boxes, tracks, step):
            box, track = pair
            box["id"] = track["id"]
            track.update(box, age=0)
        for box in sorted(boxes, key=lambda b: (-b["score"], b["label"], b["x"], b["y"])):
            if box["id"] is None:
                box["id"] = next(numbers)
                tracks.append(dict(box, age=0))
        for track in tracks:
            lost = track["age"] > 0
            track["x"] += lost * step * track["vx"]
            track["y"] += lost * step * track["vy"]
            track["age"] += 1
        tracks = [track for track in tracks if track["age"] <= max_age]
        found.append([box["id"] for box in boxes])
    return found


def ids_of(frames, max_age=3, limits=LIMITS):
    return [ids.tolist() for ids in follow_centers(frames, limits, max_age)]


@pytest.mark.parametrize("scores", [np.linspace(0.1, 1, 5000), np.array([0.3, 0.6, 1.0])])
@pytest.mark.parametrize("max_age", [1, 2, 4])
def test_equals_brute_force(max_age, scores):
    rng = np.random.default_rng(max_age)
    continued = 0
    for _ in range(60):
        frames = random_scene(rng, scores)
        expected = brute_force(frames, max_age)
        assert ids_of(frames, max_age) == expected
        every = [number for numbers in expected for number in numbers]
        continued += len(every) - len(set(every))
    assert continued > 100


@given(st.integers(0, 2**32 - 1))
def test_order_of_boxes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    frames = random_scene(rng, np.array([0.5, 1.0]))
    orders = [rng.permutation(len(f.scores)) for f in frames]
    shuffled = [
        Sightings(f.time_s, f.centers[o], f.velocities[o], f.scores[o], f.labels[o])
        for f, o in zip(frames, orders, strict=True)
    ]
    straight = follow_centers(frames, LIMITS, 3)
    for ids, order, mixed in zip(
        straight, orders, follow_centers(shuffled, LIMITS, 3), strict=True
    ):
        assert ids[order].tolist() == mixed.tolist()


class TestByHand:
    def test_velocity_tells_two_that_pass_each_other_apart(self):
        frames = [frame(0.5 * t, (4 * t, 0, 8, 0, 0.9, 1), (12 - 4 * t, 1, -8, 0, 0.8, 1))
                  for t in range(4)]  # fmt: skip
        assert ids_of(frames) == [[0, 1]] * 4

    def test_limit_is_of_the_class_and_belongs_to_it(self):
        def second(label, x):
            return ids_of([frame(0, (0, 0, 0, 0, 1, label)), frame(1, (x, 0, 0, 0, 1, label))])[1]

        assert second(0, 2.0) == [0]
        assert second(0, 2.001) == [1]
        assert second(1, 2.001) == [0]

    def test_another_class_is_another_track(self):
        frames = [frame(0, (0, 0, 0, 0, 1, 0)), frame(1, (0, 0, 0, 0, 1, 1), (1, 0, 0, 0, 1, 0))]
        assert ids_of(frames) == [[0], [1, 0]]

    def test_higher_score_chooses_first(self):
        start = frame(0, (0, 0, 0, 0, 1, 0))
        far_first = frame(1, (1, 0, 0, 0, 0.9, 0), (0.1, 0, 0, 0, 0.5, 0))
        assert ids_of([start, far_first]) == [[0], [0, 1]]

    def test_of_equal_scores_the_nearer_chooses_first(self):
        start = frame(0, (0, 0, 0, 0, 1, 0))
        assert ids_of([start, frame(1, (1, 0, 0, 0, 1, 0), (0.1, 0, 0, 0, 1, 0))]) == [[0], [1, 0]]

    @pytest.mark.parametrize("missed", [0, 1, 2, 3])
    @pytest.mark.parametrize("max_age", [1, 2, 3])
    def test_age(self, missed, max_age):
        gap = [frame(1 + t) for t in range(missed)]
        frames = [frame(0, (0, 0, 0, 0, 1, 0)), *gap, frame(9, (0, 0, 0, 0, 1, 0))]
        assert ids_of(frames, max_age)[-1] == [0 if missed < max_age else 1]

    def test_a_lost_track_moves_on_by_the_time_that_passes(self):
        frames = [frame(0, (0, 0, 5, 0, 1, 0)), frame(0.3), frame(2.0),
                  frame(2.2, (11, 0, 5, 0, 1, 0))]  # fmt: skip
        assert ids_of(frames, limits=np.array([1e-9])) == [[0], [], [], [0]]

    def test_the_newest_velocity_counts(self):
        frames = [frame(0, (0, 0, 9, 0, 1, 0)), frame(1, (1, 0, 1, 0, 1, 0)), frame(2),
                  frame(3, (3, 0, 1, 0, 1, 0))]  # fmt: skip
        assert ids_of(frames, limits=np.array([0.1])) == [[0], [0], [], [0]]

    def test_nothing(self):
        assert ids_of([]) == []
        assert ids_of([frame(0), frame(1)]) == [[], []]


@pytest.mark.parametrize(
    ("frames", "max_age", "told"),
    [
        ([frame(0), frame(1)], 0, "max_age is 0"),
        ([frame(1), frame(0)], 3, "follows one at 1"),
        ([frame(0, (0, 0, math.nan, 0, 1, 0))], 3, "velocities of the frame"),
        ([frame(0, (math.inf, 0, 0, 0, 1, 0))], 3, "centers of the frame"),
    ],
)
def test_programmers_mistakes(frames, max_age, told):
    with pytest.raises(ValueError, match=told):
        follow_centers(frames, LIMITS, max_age)
