"""Checks of equal and similar images: in one class, in several sets, with different labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx.doctor.finding import Finding, Severity, number_of
from cnnx.doctor.image_table import ImageTable, LabelledNames
from cnnx.doctor.near_duplicates import similar_pairs

Rows = NDArray[np.int64]

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
    pairs = similar_pairs(table.measurements, candidates)
    yield from _findings(_connected(pairs), table, _SIMILAR)


def equal_images(table: ImageTable) -> list[Rows]:
    """Rows of equal images, in groups of at least two."""
    alike = np.sort(rows_of(equal_values(table.measurements.digest)))
    return [alike[group] for group in equal_values(table.exact_digests(alike))]


def exact_duplicates(groups: Sequence[Rows], table: LabelledNames) -> Iterator[Finding]:
    """Findings on groups of equal images."""
    return _findings(groups, table, _EQUAL)


def equal_values(values: NDArray[np.uint64]) -> list[Rows]:
    """Places of equal values, in groups of at least two, in the order of their first places."""
    ordered = np.sort(values)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    places = np.flatnonzero(np.isin(values, repeated))  # few, which are sorted again
    order = places[np.argsort(values[places], kind="stable")]
    ordered = values[order]
    bounds = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
    groups = [
        order[bounds[k] : bounds[k + 1]] for k in np.flatnonzero(np.diff(bounds) > 1).tolist()
    ]
    return sorted(groups, key=lambda group: int(group[0]))


def rows_of(groups: Sequence[Rows]) -> Rows:
    """Rows of all groups."""
    return np.concatenate([np.empty(0, np.int64), *groups])


def _connected(pairs: Rows) -> list[Rows]:
    """Rows that pairs connect, directly or over others, in the order of their first rows."""
    parents = {int(row): int(row) for row in pairs.ravel()}

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for one, other in pairs.tolist():
        first, last = sorted((root(one), root(other)))
        parents[last] = first
    groups: dict[int, list[int]] = {}
    for row in sorted(parents):
        groups.setdefault(root(row), []).append(row)
    return [np.array(group) for group in groups.values()]


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
