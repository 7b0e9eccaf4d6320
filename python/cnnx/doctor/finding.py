"""A finding of the doctor: its severity, the images or layers it concerns, and the remedy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from cnnx.arguments import one_of, shown
from cnnx.spelling import checked_call

# Severity of a `Finding`.
Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One defect of a data set or a model.

    Args:
        severity: "error" for what breaks training or makes its results wrong, "warning" for what
            probably harms them, "note" for what is worth knowing.
        check: name of the check, such as ``exact-duplicates``. It is the same in every release.
        message: the finding in one line.
        count: number of images, classes or layers that it concerns.
        examples: their names: files below the path, indices of an array, classes or layers.
        advice: what to do.
        groups: names of the examples that belong together, such as copies of one image.
        details: some words on each example, such as the class that an image seems to have.

    Raises:
        ValueError: if the severity is another word.

    Example:
        >>> print(Finding("warning", "dark", "1 image is nearly black", 1, ("a.png",), "remove it"))
        warning  dark  1 image is nearly black: a.png; remove it
    """

    severity: Severity
    check: str
    message: str
    count: int
    examples: tuple[str, ...] = ()
    advice: str = ""
    groups: tuple[tuple[str, ...], ...] = ()
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.severity, SEVERITIES, "Finding", "severity")

    def __str__(self) -> str:
        return f"{self.severity}  {self.check}  {self.sentence}"

    @property
    def captions(self) -> dict[str, str]:
        """Examples by name, each with its detail."""
        details = self.details or ("",) * len(self.examples)
        pairs = zip(self.examples, details, strict=True)
        return {name: f"{name} ({detail})" if detail else name for name, detail in pairs}

    @property
    def sentence(self) -> str:
        """Message with the first three examples and the advice."""
        groups = [" = ".join(_shortened(group, "...")) for group in self.groups]
        names = groups or list(self.captions.values())
        rest = f"and {len(names) - _EXAMPLES_SHOWN} more"
        listed = f": {', '.join(_shortened(names, rest))}" if names else ""
        return f"{self.message}{listed}" + (f"; {self.advice}" if self.advice else "")


def _shortened(names: Sequence[str], rest: str) -> list[str]:
    """The first names, and words for the others if there are more."""
    more = [rest] if len(names) > _EXAMPLES_SHOWN else []
    return [*names[:_EXAMPLES_SHOWN], *more]


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order of severity, then from the highest count to the lowest."""
    return sorted(
        findings, key=lambda each: (SEVERITIES.index(each.severity), -each.count, each.check)
    )


@checked_call
def findings_text(findings: Iterable[Finding]) -> str:
    """Findings as aligned lines, errors first.

    Raises:
        TypeError: if `findings` is no list of findings.

    Example:
        >>> found = [Finding("note", "alpha", "2 images are transparent", 2)]
        >>> found += [Finding("error", "empty-class", "1 class has no images", 1, ("cat",))]
        >>> print(findings_text(found))
        error  empty-class  1 class has no images: cat
        note   alpha        2 images are transparent
    """
    listed: list[Any]
    try:
        listed = list(findings)
    except TypeError:
        listed = [findings]
    if not all(isinstance(each, Finding) for each in listed):
        raise TypeError(
            f"findings_text: findings is {shown(findings)}, expected a list of findings, such as "
            "that of check_data"
        )
    ordered = by_severity(listed)
    first = max((len(each.severity) for each in ordered), default=0)
    second = max((len(each.check) for each in ordered), default=0)
    return "\n".join(
        f"{each.severity.ljust(first)}  {each.check.ljust(second)}  {each.sentence}"
        for each in ordered
    )


def findings_json(findings: Iterable[Finding], subject: Mapping[str, str]) -> str:
    """Findings as a JSON object, errors first.

    Args:
        findings: the findings.
        subject: what was examined, such as ``{"path": "pets"}``; these entries come first.
    """
    listed = [asdict(each) for each in by_severity(findings)]
    return json.dumps({**subject, "findings": listed}, indent=2)


def severity_counts(findings: Iterable[Finding]) -> str:
    """Number of findings of each severity, such as ``1 error, 2 warnings``.

    Example:
        >>> severity_counts([])
        'no findings'
    """
    found = [each.severity for each in findings]
    counts = [(found.count(word), word) for word in SEVERITIES if word in found]
    return ", ".join(f"{n:,} {word}{'s' * (n > 1)}" for n, word in counts) or "no findings"


def images_of(sets: int) -> str:
    """Words for the images of the first of some sets, which trains if there are others."""
    return "images" if sets == 1 else "training images"


def number_of(count: int, singular: str, plural: str) -> str:
    """Count with the words that follow it.

    Example:
        >>> number_of(2, "image is dark", "images are dark")
        '2 images are dark'
    """
    return f"{count:,} {singular if count == 1 else plural}"
