"""Checks of equal and similar images: in one class, in several sets, with different labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cnnx.doctor.finding import Finding, Severity, number_of
from cnnx.doctor.image_table import ImageTable, LabelledNames
from cnnx.doctor.near_duplicates import similar_groups
from cnnx.doctor.row_groups import Rows, equal_values, rows_of

_LEAK_ADVICE = "remove them from the training set: they raise the measured accuracy"
_CONFLICT_ADVICE = "correct the labels or remove them"
_COPIES_ADVICE = "keep one of each group"


@dataclass(frozen=True)
class _Likeness:
    """How images are alike, with severity and name of the checks."""

    are_alike: str
    leak: tuple[Severity, str]
    conflict: tuple[Severity, str]
    copies: tuple[Severity, str]


_EQUAL = _Likeness(
    "equal to",
    ("error", "exact-leak"),
    ("error", "conflicting-labels"),
    ("warning", "exact-duplicates"),
)
# Similar images may well be different ones, so these are no errors.
_SIMILAR = _Likeness(
    "nearly equal to",
    ("warning", "near-leak"),
    ("warning", "near-conflict"),
    ("note", "near-duplicates"),
)


def check_duplicates(table: ImageTable) -> Iterator[Finding]:
    """Findings on equal and on similar images."""
    equal = equal_images(table)
    yield from exact_duplicates(equal, table)
    surplus = rows_of([group[1:] for group in equal])
    candidates = np.setdiff1d(np.arange(len(table)), surplus, assume_unique=True)
    yield from _findings(similar_groups(table.measurements, candidates), table, _SIMILAR)


def equal_images(table: ImageTable) -> list[Rows]:
    """Rows of equal images, in groups of at least two."""
    alike = np.sort(rows_of(equal_values(table.measurements.digest)))
    return [alike[group] for group in equal_values(table.exact_digests(alike))]


def exact_duplicates(groups: Sequence[Rows], table: LabelledNames) -> Iterator[Finding]:
    """Findings on groups of equal images."""
    return _findings(groups, table, _EQUAL)


def _findings(
    groups: Sequence[Rows], table: LabelledNames, likeness: _Likeness
) -> Iterator[Finding]:
    leaks: list[Rows] = []
    conflicts: list[Rows] = []
    copies: list[Rows] = []
    leaked, conflicting, copied = 0, 0, 0
    for group in groups:
        sets, labels = table.set_index[group], table.labels[group]
        if len(set(sets.tolist())) > 1:
            leaks.append(group)
            leaked += int((sets != sets.min()).sum())
        if len(set(labels.tolist())) > 1:
            conflicts.append(group)
            conflicting += len(group)
        for place in sorted(set(zip(sets.tolist(), labels.tolist(), strict=True))):
            same = group[(sets == place[0]) & (labels == place[1])]
            if len(same) > 1:
                copies.append(same)
                copied += len(same) - 1
    for count, found, (severity, check), other, advice in (
        (leaked, leaks, likeness.leak, "one of another set", _LEAK_ADVICE),
        (conflicting, conflicts, likeness.conflict, "one with another label", _CONFLICT_ADVICE),
        (copied, copies, likeness.copies, "another one of the same class", _COPIES_ADVICE),
    ):
        if found:
            yield Finding(
                severity,
                check,
                f"{number_of(count, 'image is', 'images are')} {likeness.are_alike} {other}",
                count,
                table.listed(np.concatenate(found)),
                advice,
                tuple(table.listed(group) for group in found),
            )
