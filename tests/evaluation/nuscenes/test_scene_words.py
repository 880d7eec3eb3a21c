import pytest

from drivetr.evaluation.nuscenes.scene_words import UNTOLD, time_word, weather_word


@pytest.mark.parametrize(
    ("description", "weather", "time"),
    [
        ("Night, heavy rain, peds", "rain", "night"),
        ("Parked truck, construction, intersection", UNTOLD, "day"),
        ("Rainy, train crossing", "rain", "day"),
        ("Train crossing, after the brainstorm", UNTOLD, "day"),  # "rain" begins no word
        ("Difficult lighting, night, sunny billboard", "sunny", "night"),
        ("Dusk, fog, 2 lanes", "fog", "dusk"),
        ("Day, overcast, 4 lanes", "overcast", "day"),
        ("", UNTOLD, UNTOLD),
    ],
)
def test_words(description, weather, time):
    assert (weather_word(description), time_word(description)) == (weather, time)
