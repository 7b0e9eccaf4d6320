"""Answers to misspelt names, to the names of other libraries and to surplus arguments."""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from cnnx.arguments import shown
from cnnx.foreign_names import (
    ALIASES,
    ATTRIBUTES,
    EXAMPLES,
    KEYWORDS,
    MODULE,
    OBJECTS,
    POSITIONAL,
    READ_ONLY,
    REMEDIES,
    VALUES,
)

_CATCH_ALL = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}

_PLAIN = {bool, int, float, str, tuple}  # types whose values are written as they are

_Target = TypeVar("_Target", bound=Callable[..., Any])


def checked_call(target: _Target) -> _Target:
    """Decorate a function or class: a call whose arguments do not fit ends in one sentence.

    The sentence has the nearest name or the counterpart of another library's keyword. The signature
    stays the same. A call that fits costs one more frame.
    """
    if isinstance(target, type):
        target.__init__ = checked_call(target.__init__)  # type: ignore[misc]
        return target

    @functools.wraps(target)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return target(*args, **kwargs)
        except TypeError:
            sentence = _misfit(target, args, kwargs)
            if sentence is None:
                raise
        raise TypeError(sentence)

    return call  # type: ignore[return-value]


def _misfit(
    target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str | None:
    """Why the arguments do not fit the signature; None if they do, or if it has * or **."""
    function = target.__name__
    parameters = dict(inspect.signature(target).parameters)
    if {p.kind for p in parameters.values()} & _CATCH_ALL:
        return None
    owner = next((each for each in ("self", "cls") if each in parameters), None)
    if owner is not None:
        del parameters[owner]
        function = type(args[0]).__name__ if function == "__init__" else function
        args = args[1:]
    for name, value in kwargs.items():
        if name not in parameters:
            return (
                f"{function}: has no argument {name}, expected {_keyword(name, value, parameters)}"
            )
    by_position = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(args) > len(by_position):
        more = ", ".join(map(shown, args[len(by_position) :]))
        before = " and ".join(", ".join(by_position).rsplit(", ", 1))
        after = before and f" after {before}"
        rest = [p for name, p in parameters.items() if name not in {*by_position, *kwargs}]
        homes = _homes(args[len(by_position) :], rest)
        call = f"{function}({', '.join([*by_position, *homes])})" if homes else ""
        by_name = call or ", ".join(f"{p.name}=" for p in rest)
        layers = ", ".join(f"{type(each).__name__}(...)" for each in args)
        why = f"the rest go by name: {by_name}" if by_name else ""
        kinds: tuple[set[str], ...] = ({"int", "tuple"}, {"Layer"})
        if not homes or any(all(_types(each) & kind for each in args) for kind in kinds):
            why = POSITIONAL.get(function, why).format(layers=layers)
        return f"{function}: got {more}{after}, expected nothing there{why and f'; {why}'}"
    given = {*by_position[: len(args)], *kwargs}
    for p in parameters.values():
        if p.name not in given and p.default is p.empty:
            example = EXAMPLES.get(function, f"{function}({p.name}=...)")
            return f"{function}: {p.name} is missing, expected {example}"
    return None


def _homes(surplus: Sequence[object], parameters: Sequence[inspect.Parameter]) -> list[str]:
    """The surplus arguments by name, if each has an obvious one.

    A number, which fits many parameters, is meant for the next one in order, another value for the
    next one of its type.
    """
    rest = iter(p for p in parameters if p.name != "name")
    homes = []
    for value in surplus:
        tried = itertools.islice(rest, 1) if isinstance(value, (bool, int, float)) else rest
        home = next((p.name for p in tried if _accepts(p.annotation, value)), None)
        if home is None:
            return []
        text = shown(value)
        homes.append(f"{home}={text if type(value) in _PLAIN and len(text) < 40 else '...'}")
    return homes


def _accepts(annotation: str, value: object) -> bool:
    """Whether one of the types of an annotation, without those in brackets, is that of a value."""
    while "[" in annotation:
        annotation = re.sub(r"\[[^][]*\]", "", annotation)
    names = annotation.split(" | ")
    return bool(
        _types(value) & {*names, *(each for name in names for each in ALIASES.get(name, ()))}
    )


def _types(value: object) -> set[str]:
    """Names of the classes of a value; a bool is no int."""
    classes = [bool] if isinstance(value, bool) else type(value).__mro__
    return {each.__name__ for each in classes}


def _keyword(name: str, value: object, known: Iterable[str]) -> str:
    """The argument to write in place of an unknown one."""
    own = [each for each in KEYWORDS.get(name, ()) if each.partition("=")[0] in known]
    own = own or ([] if name in REMEDIES else nearest(name, known))
    if own and "=" not in own[0]:
        plain = isinstance(value, (bool, int, float, str))
        return f"{own[0]}={repr(VALUES.get(value, value)) if plain else '...'}"
    return own[0] if own else REMEDIES.get(name) or _one_of(known)


def _one_of(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"one of {names}" if names else "none"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known name that is most like `name`, if one is."""
    by_letters = {each.lower().replace("_", ""): each for each in known}
    letters = name.lower().replace("_", "")
    return [by_letters[each] for each in difflib.get_close_matches(letters, by_letters, 1, 0.7)]


def instance_for(value: object, argument: str) -> str:
    """What to write in place of text or a class where an object belongs, after a colon."""
    objects = OBJECTS[argument]
    if isinstance(value, type):
        found = [each for each in objects.values() if f".{value.__name__}(" in each]
    else:
        text = value if isinstance(value, str) else ""
        found = [objects[each] for each in nearest(text, objects)]
    return f": {argument}={found[0]}" if found else ""


class NamedAttributes:
    """Base class whose instances refuse unknown attributes and name the nearest known one.

    Known are the attributes that the class defines or annotates. A property without a setter cannot
    be assigned, nor a method, nor an attribute that is annotated as Final and has its value. Names
    with an underscore, and classes outside this package, are not checked in assignments.
    """

    if not TYPE_CHECKING:  # type checkers report unknown attributes by themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(_no_attribute(type(self), name))

        def __setattr__(self, name: str, value: object) -> None:
            owner = type(self)
            if owner.__module__.startswith("cnnx.") and not name.startswith("_"):
                if name not in _attributes(owner):
                    raise AttributeError(_no_attribute(owner, name))
                if _is_read_only(owner, name) or (name in vars(self) and _is_final(owner, name)):
                    raise AttributeError(_read_only(owner, name))
            super().__setattr__(name, value)


@functools.cache
def _attributes(owner: type) -> list[str]:
    annotated = {name for base in owner.__mro__ for name in inspect.get_annotations(base)}
    return sorted(name for name in {*annotated, *dir(owner)} if not name.startswith("_"))


def _is_read_only(owner: type, name: str) -> bool:
    attribute = getattr(owner, name, None)
    if isinstance(attribute, property):
        return attribute.fset is None
    return inspect.isfunction(attribute)


def _is_final(owner: type, name: str) -> bool:
    annotations = (inspect.get_annotations(base).get(name, "") for base in owner.__mro__)
    return any(str(each).startswith("Final") for each in annotations)


def _remedies(table: dict[str, dict[str, str]], owner: type, name: str) -> list[str]:
    """What a table by class and attribute says of an attribute, the class itself first."""
    found = (table.get(base.__name__, {}).get(name) for base in owner.__mro__)
    return [each for each in found if each is not None]


def _read_only(owner: type, name: str) -> str:
    expected = "".join(f", expected {each}" for each in _remedies(READ_ONLY, owner, name)[:1])
    return f"{owner.__name__}: {name} cannot be assigned{expected}"


def _no_attribute(owner: type, name: str) -> str:
    sentence = f"{owner.__name__}: has no attribute {name}"
    if name.startswith("_"):
        return sentence
    known = _attributes(owner)
    own = [each for each in KEYWORDS.get(name, ()) if each in known]
    found = [*_remedies(ATTRIBUTES, owner, name), *own, *nearest(name, known)]
    return f"{sentence}, expected {found[0] if found else 'one of ' + ', '.join(known)}"


def no_module_attribute(name: str, modules: dict[str, Iterable[str]]) -> str:
    """Why the package has no attribute of this name.

    Args:
        name: the attribute.
        modules: public names by module, the package first.
    """
    sentence = f"module 'cnnx' has no attribute {name!r}"
    homes = [(public, module) for module, names in modules.items() for public in names]
    own = [f"{module}.{public}" for public, module in homes if public == name]
    near = [
        f"{module}.{public}"
        for like in nearest(name, [public for public, _ in homes])
        for public, module in homes
        if public == like
    ]
    found = [*own, *filter(None, [MODULE.get(name)]), *near]
    return f"{sentence}, expected {found[0]}" if found else sentence
