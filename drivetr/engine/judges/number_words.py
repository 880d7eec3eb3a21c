"""Translations of number words: how many are right to the last digit."""

import json

from drivetr.data.number_words import read_digits
from drivetr.engine.judges.exam import Exam
from drivetr.files import atomic_text

_SHOWN = 5  # mistakes in the text


def judge_number_words(exam: Exam) -> str:
    """The share of exact translations, and a few mistakes."""
    wrong = []
    for sample, words in exam.predictions():
        found = read_digits(words.tolist())
        if found != sample.answer:
            wrong.append({"source": sample.name, "truth": sample.answer, "found": found})
    count = len(exam.dataset)
    metrics = {"sequences": count, "exact_match": 1 - len(wrong) / count, "wrong": wrong}
    with atomic_text(exam.metrics) as file:
        json.dump(metrics, file, indent=1)
    lines = [f"exact match {metrics['exact_match']:.4f} ({len(wrong)} of {count} wrong)"]
    lines += [f"  {w['source']}: {w['truth']}, found {w['found']}" for w in wrong[:_SHOWN]]
    return "\n".join([*lines, f"Metrics: {exam.metrics}"])
