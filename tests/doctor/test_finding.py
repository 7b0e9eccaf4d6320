"""Findings of the doctor: their lines, order and JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from cnnx.doctor import Finding, findings_text
from cnnx.doctor.finding import findings_json, severity_counts

COPIES = Finding(
    "error",
    "exact-duplicates",
    "12 images are copies",
    12,
    ("a.png", "b.png", "c.png", "d.png"),
    "remove one of each",
)
DARK = Finding("note", "dark", "2 images are dark", 2, ("e.png",))


def test_lines_are_aligned_and_errors_come_first() -> None:
    small = Finding("error", "empty", "1 file is empty", 1, ("f.png",), "remove it")
    assert findings_text([DARK, small, COPIES]).splitlines() == [
        "error  exact-duplicates  12 images are copies: a.png, b.png, c.png, and 1 more; "
        "remove one of each",
        "error  empty             1 file is empty: f.png; remove it",
        "note   dark              2 images are dark: e.png",
    ]
    assert str(DARK) == "note  dark  2 images are dark: e.png"


def test_groups_are_shown_together() -> None:
    pair = Finding("warning", "near", "2 images", 2, ("a", "b"), groups=(("a", "b"),))
    assert str(pair) == "warning  near  2 images: a = b"
    many = Finding("note", "near", "5 images", 5, tuple("abcde"), groups=(tuple("abcde"),))
    assert str(many) == "note  near  5 images: a = b = c = ..."


def test_json_has_every_example() -> None:
    found = json.loads(findings_json([DARK, COPIES], {"path": "pets"}))
    assert found["path"] == "pets"
    assert [each["check"] for each in found["findings"]] == ["exact-duplicates", "dark"]
    assert found["findings"][0]["examples"] == ["a.png", "b.png", "c.png", "d.png"]
    assert found["findings"][0]["severity"] == "error"


def test_counts_of_severities() -> None:
    assert severity_counts([COPIES, COPIES, DARK]) == "2 errors, 1 note"


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Finding: severity is 'fatal', expected 'error' or "):
        Finding("fatal", "dark", "", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("findings", [None, 3, [3], "dark", np.array(3)])
def test_lines_of_anything_else_are_refused(findings: Any) -> None:
    with pytest.raises(TypeError, match=r"^findings_text: findings is .*, expected a list of"):
        findings_text(findings)
