"""Tables of calls that a newcomer makes, each with the answer that the call has to give."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest


class Case(NamedTuple):
    """A call and its answer.

    Attributes:
        id: name of the test.
        run: the call.
        kind: type of the error or of the warning; None for a call without either.
        sentence: the whole message, or a pattern that matches all of it.
    """

    id: str
    run: Callable[[], object]
    kind: type[Exception] | None
    sentence: str | re.Pattern[str] = ""


def every(*tables: Sequence[Case]) -> pytest.MarkDecorator:
    """Run a test, whose argument is `case`, for every case of the tables."""
    cases = [case for table in tables for case in table]
    return pytest.mark.parametrize("case", cases, ids=[case.id for case in cases])


Answer = tuple[type[Exception] | None, str]


def answer(run: Callable[[], object]) -> Answer:
    """Type and message of the error that a call raises, else of its first warning, else None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind, sentence = error_of(run)
    if kind is None:
        for warning in caught:
            return warning.category, str(warning.message)
    return kind, sentence


def error_of(run: Callable[[], object]) -> Answer:
    """Type and message of the error that a call raises, else None. Warnings are not looked at,
    because all threads of a process share their settings.
    """
    try:
        run()
    except Exception as error:
        return type(error), str(error)
    return None, ""


def check(case: Case, answer: Callable[[Callable[[], object]], Answer] = answer) -> None:
    """Compare the call's answer with the expected one."""
    kind, sentence = answer(case.run)
    assert kind is case.kind, f"{kind and kind.__name__}: {sentence}"
    if isinstance(case.sentence, str):
        assert sentence == case.sentence
    else:
        assert case.sentence.fullmatch(sentence), sentence
    assert "\n" not in sentence
