"""Sentences about objects, from what a dataset knows of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

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
        name: of its class, such as traffic_cone.
        distance: from the car in metres, along the ground.
        weather: how its scene is lit, such as "at night"; None where nobody said.
        colour: of most of its surface; None where nobody said.
    """

    name: str
    distance: float
    weather: str | None = None
    colour: str | None = None


def weather_of(description: str) -> str | None:
    """The light of a scene from its description, "by day" where that names none; None of ""."""
    words = description.lower()
    found = (phrase for word, phrase in _WEATHERS.items() if word in words)
    return next(found, "by day") if words else None


def distance_words(metres: float) -> str:
    """Three steps of distance."""
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
    return with_article(
        template.format(
            thing=spoken(facts.name),
            colour=facts.colour or "",
            distance=distance_words(facts.distance),
            weather=facts.weather or "",
        )
    )


def draw_caption(facts: ObjectFacts, generator: torch.Generator) -> str:
    """A caption by a template that the generator draws."""
    return caption(facts, CAPTIONS[int(torch.randint(len(CAPTIONS), (), generator=generator))])


def class_prompts(names: Sequence[str], templates: Sequence[str] = PROMPTS) -> list[str]:
    """All prompts of all classes, those of one class side by side."""
    return [with_article(t.format(spoken(name))) for name in names for t in templates]
