"""Generated captions and prompts."""

import pytest
import torch

from drivetr.data.captions import (
    CAPTIONS,
    PROMPTS,
    ObjectFacts,
    caption,
    class_prompts,
    distance_words,
    draw_template,
    fact_codes,
    weather_of,
)

CONE = ObjectFacts("traffic_cone", 17.0, "at night", "orange")


def test_all_facts():
    text = caption(CONE, "a {colour} {thing} {distance} {weather}")
    assert text == "an orange traffic cone far away at night"


def test_unknown_facts_leave_no_gap():
    bare = ObjectFacts("bus", 3.0)
    assert caption(bare, "a photo of a {colour} {thing} {weather}") == "a photo of a bus"
    assert caption(bare, "{weather} a {colour} {thing} {distance}") == "a bus nearby"


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Night, 2 lanes", "at night"),
        ("Rain, parked cars", "in the rain"),
        ("Fog, 4 lanes", "in fog"),
        ("Dusk, ego waits", "at dusk"),
        ("Day, sunny, houses", "by day"),
        ("Parking lot, many pedestrians", "by day"),
        ("", None),
    ],
)
def test_weather(description, expected):
    assert weather_of(description) == expected


def test_distance():
    words = [distance_words(metres) for metres in (0.0, 7.9, 8.0, 15.9, 16.0, 80.0)]
    assert words == ["nearby"] * 2 + ["at some distance"] * 2 + ["far away"] * 2


def test_in_front_and_nowhere():
    pair = ObjectFacts("traffic_cone", 4.0, "at night", behind="truck")
    text = caption(pair, "a {thing} {weather}")
    assert text == "a traffic cone in front of a truck at night"
    assert (
        caption(ObjectFacts("empty street"), "a {colour} {thing} {distance}") == "an empty street"
    )


def test_draws():
    drawn = {draw_template(torch.Generator().manual_seed(seed)) for seed in range(300)}
    assert drawn == set(CAPTIONS)


def test_codes():
    whole, told = fact_codes(CONE), fact_codes(CONE, "a {colour} {thing}")
    assert (whole == told).tolist() == [True, True, True, False, False]
    assert told[3:].tolist() == [0, 0]
    assert whole.unique().numel() == 5  # four facts, and nothing behind
    other = fact_codes(ObjectFacts("traffic_cone", 20.0, "by day", "red", "bus"))
    assert (whole == other).tolist() == [True, False, False, True, False]


def test_prompts():
    prompts = class_prompts(("traffic_cone", "ox"))
    assert len(prompts) == 2 * len(PROMPTS)
    assert prompts[0] == "a traffic cone"
    assert prompts[len(PROMPTS)] == "an ox"
    assert all("ox" in prompt for prompt in prompts[len(PROMPTS) :])
