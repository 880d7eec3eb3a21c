"""More to say of a camera's image than its single objects: what stands before what, and nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import permutations

from drivetr.data.captions import ObjectFacts
from drivetr.data.nuscenes.objects import Bounds, SeenObject, longer_side
from drivetr.data.sampler import seed_from

_LEAST_OVERLAP = 0.6  # of the narrower one's width
_LEAST_GAP = 1.0  # metres between the distances of the two
_MOST_ENLARGED = 3.5  # times the longer side of the one in front, so that it stays recognisable
EMPTY = "empty street"


def by_image(objects: Iterable[SeenObject]) -> dict[str, list[SeenObject]]:
    """The objects of each image, by its file name."""
    found: dict[str, list[SeenObject]] = {}
    for seen in objects:
        found.setdefault(seen.camera.filename, []).append(seen)
    return found


def objects_in_front(objects: Iterable[SeenObject]) -> Iterator[SeenObject]:
    """Each object before another one of another class, with bounds around the two.

    One is in front of another where it is nearer to the car and both cover the same columns of the
    image, nearly.
    """
    for together in by_image(objects).values():
        for near, far in permutations(together, 2):
            union = _union(near.bounds, far.bounds)
            if (
                near.facts.name != far.facts.name
                and float(far.facts.distance or 0) - float(near.facts.distance or 0) > _LEAST_GAP
                and _common_columns(near.bounds, far.bounds) >= _LEAST_OVERLAP
                and longer_side(union) <= _MOST_ENLARGED * longer_side(near.bounds)
            ):
                yield replace(near, bounds=union, facts=replace(near.facts, behind=far.facts.name))


def empty_windows(objects: Iterable[SeenObject]) -> Iterator[SeenObject]:
    """A square of half the image's height in which no object is, of each image that has one.

    Args:
        objects: all that are annotated, however small or hidden.
    """
    for filename, together in by_image(objects).items():
        camera = together[0].camera
        windows = [
            window
            for window in grid_windows(camera.height, camera.width, camera.height / 2)
            if all(_apart(window, seen.bounds) for seen in together)
        ]
        if windows:
            chosen = windows[seed_from("empty", filename) % len(windows)]
            facts = ObjectFacts(EMPTY, weather=together[0].facts.weather)
            yield SeenObject(f"nothing in {filename}", camera, chosen, facts)


def grid_windows(height: int, width: int, side: float) -> list[Bounds]:
    """Squares that cover an image, each half over the next, evenly spaced.

    Args:
        height: of the image in pixels.
        width: of the image in pixels.
        side: of the squares in pixels, at most the height and the width.
    """
    rows, columns = (max(1, round(2 * (length - side) / side) + 1) for length in (height, width))
    steps = [
        [i * (length - side) / max(1, count - 1) for i in range(count)]
        for length, count in ((height, rows), (width, columns))
    ]
    return [(x, y, x + side, y + side) for y in steps[0] for x in steps[1]]


def _union(one: Bounds, other: Bounds) -> Bounds:
    return (
        min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]),
    )  # fmt: skip


def _common_columns(one: Bounds, other: Bounds) -> float:
    """Share of the narrower one's columns that both cover."""
    common = min(one[2], other[2]) - max(one[0], other[0])
    return common / max(1e-6, min(one[2] - one[0], other[2] - other[0]))


def _apart(window: Bounds, other: Bounds) -> bool:
    """Whether there is more than a tenth of the window between the two."""
    gap = (window[2] - window[0]) / 10
    return (
        window[2] + gap <= other[0]
        or other[2] <= window[0] - gap
        or window[3] + gap <= other[1]
        or other[3] <= window[1] - gap
    )
