"""ObjectRange: x and y decide, all columns of the targets go together."""

from dataclasses import replace

from drivetr.data.transforms.object_range import ObjectRange
from drivetr.geometry.boxes import BoxColumn


def test_only_x_and_y_decide(frame, generator):
    after = ObjectRange((-20, -30, 5, 25, 35, 6))(frame, generator).targets
    expected = [
        n
        for n, (x, y) in enumerate(frame.targets.boxes[:, [BoxColumn.X, BoxColumn.Y]].tolist())
        if -20 < x < 25 and -30 < y < 35
    ]
    assert 0 < len(expected) < len(frame.targets)
    assert after.instance.tolist() == expected
    assert after.boxes.tolist() == frame.targets.boxes[expected].tolist()


def test_nothing_left_and_nothing_there(frame, generator):
    transform = ObjectRange((900, 900, -5, 901, 901, 5))
    assert len(transform(frame, generator).targets) == 0
    assert transform(replace(frame, targets=None), generator).targets is None
