"""Sentences about objects, from what a dataset knows of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from drivetr.data.sampler import seed_from

# In training one is drawn; what is not known of an object leaves no gap.
CAPTIONS = (
    "a {thing}",
    "a photo of a {thing}",
    "a {colour} {thing}",
    "a photo of a {colour} {thing}",
    "a {thing} {distance}",
    "a {thing} {weather}",
    "a {colour} {thing} {distance}",
    "a {colour} {thing} {weather}",
    "a photo of a {thing} {distance} {weather}",
    "a {colour} {thing} {distance} {weather}",
    "{weather} a {colour} {thing} {distance}",
)
# What a class is looked for with; the embeddings of all are averaged.
PROMPTS = (
    "a {}", "a photo of a {}", "a {} nearby", "a {} at some distance", "a {} far away",
    "a {} by day", "a {} at dusk", "a {} at night", "a {} in the rain", "a {} in fog",
)  # fmt: skip
_NEAR, _FAR = 8.0, 16.0  # metres
# First word found in a scene's description -> how a caption says it.
_WEATHERS = {"night": "at night", "dusk": "at dusk", "rain": "in the rain", "fog": "in fog"}


@dataclass(frozen=True)
class ObjectFacts:
    """What is known of an object.

    Attributes:
        name: of its class, such as traffic_cone; or "empty street", where there is none.
        distance: from the car in metres, along the ground; None where that means nothing.
        weather: how its scene is lit, such as "at night"; None where nobody said.
        colour: of most of its surface; None where nobody said.
        behind: class of an object that is seen behind it, if that is to be told.
    """

    name: str
    distance: float | None = None
    weather: str | None = None
    colour: str | None = None
    behind: str | None = None


def weather_of(description: str) -> str | None:
    """The light of a scene from its description, "by day" where that names none; None of ""."""
    words = description.lower()
    found = (phrase for word, phrase in _WEATHERS.items() if word in words)
    return next(found, "by day") if words else None


def distance_words(metres: float | None) -> str:
    """Three steps of distance, or nothing."""
    if metres is None:
        return ""
    if metres < _NEAR:
        return "nearby"
    return "at some distance" if metres < _FAR else "far away"


def spoken(name: str) -> str:
    """A class as one says it: `traffic_cone` becomes "traffic cone"."""
    return name.replace("_", " ")


def with_article(text: str) -> str:
    """The text with "an" for every "a" before a vowel."""
    words = text.split()
    for i, (word, following) in enumerate(zip(words[:-1], words[1:], strict=True)):
        if word == "a" and following[0] in "aeiou":
            words[i] = "an"
    return " ".join(words)


def caption(facts: ObjectFacts, template: str) -> str:
    """A template of `CAPTIONS` filled with what is known."""
    thing = spoken(facts.name)
    if facts.behind is not None:
        thing += f" in front of a {spoken(facts.behind)}"
    return with_article(
        template.format(
            thing=thing,
            colour=facts.colour or "",
            distance=distance_words(facts.distance),
            weather=facts.weather or "",
        )
    )


def draw_template(generator: torch.Generator) -> str:
    """One of `CAPTIONS`."""
    return CAPTIONS[int(torch.randint(len(CAPTIONS), (), generator=generator))]


def fact_codes(
    facts: ObjectFacts, template: str = "{thing}{colour}{distance}{weather}"
) -> Int[Tensor, "F"]:
    """Numbers for what is so: class, what is behind, colour, distance, weather.

    Equal facts have equal numbers, whatever they are. A fact that a template does not tell is 0,
    and so is `behind` where a template tells of a single object.
    """
    colour, distance, weather = facts.colour, distance_words(facts.distance), facts.weather
    told = {"{colour}": colour, "{distance}": distance, "{weather}": weather}
    words = [facts.name, facts.behind, *(v if key in template else None for key, v in told.items())]
    return torch.tensor([seed_from("fact", word) if word else 0 for word in words])


def class_prompts(names: Sequence[str], templates: Sequence[str] = PROMPTS) -> list[str]:
    """All prompts of all classes, those of one class side by side."""
    return [with_article(t.format(spoken(name))) for name in names for t in templates]
