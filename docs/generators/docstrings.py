"""Docstrings as Sphinx reads them: names in backticks become links, and types are added."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from docs.generators.annotations import type_text
from docs.generators.public_names import attributes_in, members, public_names

_BACKTICKS = re.compile(r"(?<![\w`:\\])`([^`]+)`(?![`_])")


@functools.cache
def targets() -> frozenset[str]:
    """Full names of everything with a description, such as `cnnx.Model.predict`."""
    found = set()
    for each in public_names():
        found |= {each.full_name, each.module}
        if inspect.isclass(each.value):
            names = [*members(each.value), *attributes_in(each.value)]
            found |= {f"{each.full_name}.{name}" for name in names}
    return frozenset(found)


def linked(text: str, owner: str) -> str:
    """Text whose names in single backticks are links, or code where they have no description.

    Args:
        text: text in reStructuredText.
        owner: full name of the object that it describes, to which names are relative.
    """

    def replaced(match: re.Match[str]) -> str:
        words = " ".join(match[1].split())
        target = _target(words, owner)
        return f":py:obj:`{words} <{target}>`" if target else f"``{words}``"

    paragraphs = re.split(r"(\n\s*\n)", text)
    return "".join(
        each if each.lstrip().startswith(">>>") else _BACKTICKS.sub(replaced, each)
        for each in paragraphs
    )


def _target(name: str, owner: str) -> str | None:
    """Full name of the object that a name in the docstring of `owner` means."""
    scopes = owner.split(".")
    candidates = [".".join([*scopes[:end], name]) for end in range(len(scopes), 0, -1)]
    candidates += [name, *_by_last_part().get(name, [])]
    return next((each for each in candidates if each in targets() and each != owner), None)


@functools.cache
def _by_last_part() -> dict[str, list[str]]:
    """Full names of the classes by their last part, where that means one class alone."""
    found: dict[str, list[str]] = {}
    for each in public_names():
        if inspect.isclass(each.value):
            found.setdefault(each.name, []).append(each.full_name)
    return {name: full_names for name, full_names in found.items() if len(full_names) == 1}


def with_result_text(lines: list[str]) -> list[str]:
    """Lines whose section Returns is a field: napoleon takes words before a colon for a type."""
    text = re.sub(r"^Returns:\n    ", ":returns: ", "\n".join(lines), flags=re.MULTILINE)
    return text.splitlines()


def with_types(lines: list[str], what: str, value: Any) -> list[str]:
    """Lines of a docstring, as napoleon leaves them, with the types of arguments and results.

    Args:
        lines: lines in reStructuredText, with a field ``:param name:`` for each argument.
        what: kind of the object, such as "class", as autodoc calls it.
        value: the object.
    """
    if what == "class":
        own = _function(value.__init__) if "__init__" in vars(value) else None
        return _with_attribute_types(_with_parameters(lines, own) if own else lines, value)
    function = _function(value)
    if function is None:
        return lines
    return _with_result(_with_parameters(lines, function), function)


def _function(value: Any) -> Callable[..., Any] | None:
    """Python function of a method, a property or a decorated function."""
    value = getattr(value, "fget", None) or getattr(value, "func", None) or value
    value = inspect.unwrap(getattr(value, "__func__", value))
    return value if inspect.isfunction(value) else None


def _with_parameters(lines: list[str], function: Callable[..., Any]) -> list[str]:
    """Lines with a type for each parameter; those without a description get a field."""
    types = dict(_types(function))
    types.pop("return", None)
    found: list[str] = []
    for line in lines:
        match = re.match(r"( *):param (\\?\*{0,2}\w+):", line)
        name = match[2].lstrip("\\*") if match else ""
        if match and name in types:
            found.append(f"{match[1]}:type {match[2]}: {types.pop(name)}")
        found.append(line)
    documented = any(line.lstrip().startswith(":param ") for line in lines)
    missing = [] if documented else [f":param {name}:" for name in types]
    fields = [f":type {name}: {text}" for name, text in types.items()]
    return _with_fields(found, [*missing, *fields] if missing else [])


def _with_result(lines: list[str], function: Callable[..., Any]) -> list[str]:
    result = dict(_types(function)).get("return", "None")
    return lines if result == "None" else _with_fields(lines, [f":rtype: {result}"])


def _with_fields(lines: list[str], fields: list[str]) -> list[str]:
    """Lines with more fields: after the last one, or before the examples."""
    if not fields:
        return lines
    places = [k for k, line in enumerate(lines) if re.match(r":(param|type|returns)\b", line)]
    sections = [k for k, line in enumerate(lines) if line.startswith((".. rubric::", ":raises"))]
    if places:
        end = places[-1] + 1
        while end < len(lines) and lines[end].startswith(" "):
            end += 1
        return [*lines[:end], *fields, *lines[end:]]
    end = sections[0] if sections else len(lines)
    return [*lines[:end], "", *fields, "", *lines[end:]]


def _types(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    for name, annotation in function.__annotations__.items():
        yield name, type_text(annotation, function.__module__)


def _with_attribute_types(lines: list[str], value: type) -> list[str]:
    """Lines with an option for the type of each attribute that the class annotates."""
    annotated = {
        name: type_text(annotation, base.__module__)
        for base in reversed(value.__mro__)
        if base.__module__.startswith("cnnx")
        for name, annotation in vars(base).get("__annotations__", {}).items()
    }
    for name, member in inspect.getmembers(value, lambda each: isinstance(each, property)):
        types = dict(_types(member.fget)) if member.fget else {}
        annotated.setdefault(name, types.get("return", ""))
    found = []
    for line in lines:
        found.append(line)
        match = re.match(r"( *)\.\. attribute:: (\w+)", line)
        if match and annotated.get(match[2]):
            text = re.sub(r"^(?:ClassVar|Final)\[(.*)\]$", r"\1", annotated[match[2]])
            found.append(f"{match[1]}   :type: {text}")
    return found
