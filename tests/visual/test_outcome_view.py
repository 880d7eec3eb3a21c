import numpy as np
import torch

from drivetr.geometry.boxes import box_corners
from drivetr.visual.outcome_view import OUTCOME_STYLES, draw_outcomes, outcome_box

# Looks along ego x: depth is x, u grows to the right (-y), v downwards (-z); 100 pixels focal.
IMG_FROM_EGO = np.array(
    [[100.0, -100.0, 0.0, 0.0], [50.0, 0.0, -100.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0, 0, 0, 1]]
)


def box(outcome):
    row = torch.tensor([[12.0, 0.0, 0.0, 4.0, 2.0, 2.0, 0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    return outcome_box(row[0].numpy(), box_corners(row)[0].numpy(), outcome, "", 0.5)


def pixels_of(picture, colour):
    return (np.abs(picture.astype(int) - colour).max(axis=2) < 40).sum()


def test_each_outcome_has_its_colour_in_both_views():
    image = np.full((100, 200, 3), 90, dtype=np.uint8)
    for outcome in ("hit", "missed", "false"):
        picture = draw_outcomes(image, IMG_FROM_EGO, [box(outcome)], "FRONT", 20.0, width=480)
        height = picture.shape[0]
        assert picture.shape == (height, 480, 3)
        for view in (picture[:, :-height], picture[:, -height:]):
            for other, style in OUTCOME_STYLES.items():
                if other not in ("found", outcome):
                    assert pixels_of(view, style.colour) < 5
            assert pixels_of(view, OUTCOME_STYLES[outcome].colour) > 20


def test_without_an_image_the_view_from_above_stays():
    picture = draw_outcomes(None, IMG_FROM_EGO, [box("missed")], "FRONT", 20.0, width=480)
    height = picture.shape[0]
    assert pixels_of(picture[:, -height:], OUTCOME_STYLES["missed"].colour) > 20
    assert pixels_of(picture[:, :-height], OUTCOME_STYLES["missed"].colour) == 0
