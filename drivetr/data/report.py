"""What was found wrong in a dataset: raised at once by the loader, collected by `verify`."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivetr.errors import DrivetrError

EXAMPLES_PER_KIND = 10


@dataclass
class Report:
    """Findings by kind. Errors are what training refuses; warnings are mended and counted.

    Attributes:
        strict: raise the first error instead of collecting it.
        errors: how many errors of each kind.
        warnings: how many warnings of each kind.
        texts: the first sentences of each kind.
        notes: what is worth knowing and right as it is.
    """

    strict: bool = True
    errors: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    texts: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def error(self, kind: str, text: str) -> None:
        """Records one error, or raises it when strict."""
        if self.strict:
            raise DrivetrError(text)
        self.errors[kind] += 1
        self._example(kind, text)

    def warn(self, kind: str, text: str) -> None:
        """Records one warning."""
        self.warnings[kind] += 1
        self._example(kind, text)

    def error_rows(self, kind: str, rows: Iterable[int], tell: Callable[[int], str]) -> None:
        """Records an error for each position in `rows`, which `tell` puts into a sentence."""
        for position in rows:
            self.error(kind, tell(position) if self._has_room(kind) else "")

    def warn_rows(self, kind: str, rows: Iterable[int], tell: Callable[[int], str]) -> None:
        """Records a warning for each position in `rows`, which `tell` puts into a sentence."""
        for position in rows:
            self.warn(kind, tell(position) if self._has_room(kind) else "")

    def lines(self) -> list[str]:
        """One line a finding, errors first; long kinds end in a line with the rest's number."""
        lines = []
        for label, counts in (("error", self.errors), ("warning", self.warnings)):
            for kind, count in counts.items():
                shown = self.texts[kind]
                lines += [f"{label} [{kind}] {text}" for text in shown]
                if count > len(shown):
                    lines.append(f"{label} [{kind}] ... and {count - len(shown):,} more like these")
        return lines + [f"note {text}" for text in self.notes]

    def _has_room(self, kind: str) -> bool:
        return len(self.texts.get(kind, ())) < EXAMPLES_PER_KIND

    def _example(self, kind: str, text: str) -> None:
        if self._has_room(kind):
            self.texts.setdefault(kind, []).append(text)
