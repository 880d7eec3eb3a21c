"""Weather and time of day from the description of a scene."""

import re

UNTOLD = "not told"
# The first that occurs at the beginning of a word. nuScenes' annotators write "Night, rain",
# "heavy rain", "after rain"; the synthetic world "Day, overcast", "Dusk", "Fog".
_WEATHER = {"rain": "rain", "snow": "snow", "fog": "fog", "overcast": "overcast", "sun": "sunny"}
_TIME = {"night": "night", "dark": "night", "dusk": "dusk", "dawn": "dawn"}


def weather_word(description: str) -> str:
    """rain, snow, fog, overcast, sunny, or that the description tells of none."""
    return _first(description, _WEATHER) or UNTOLD


def time_word(description: str) -> str:
    """night, dusk, dawn; else day, which descriptions seldom tell, and `UNTOLD` without words."""
    if not description.strip():
        return UNTOLD
    return _first(description, _TIME) or "day"


def _first(description: str, words: dict[str, str]) -> str | None:
    for word, name in words.items():
        if re.search(rf"\b{word}", description, re.IGNORECASE):
            return name
    return None
