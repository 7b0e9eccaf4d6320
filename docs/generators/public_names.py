"""The public names of cnnx: where each is public, where it is defined, and what it is."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cnnx

STUB = Path(cnnx.__file__).with_suffix(".pyi")


@dataclass(frozen=True)
class PublicName:
    """A name that users import.

    Attributes:
        module: public module that has it, such as ``cnnx.ops``.
        name: its name there.
        home: module that defines it.
        value: the object.
    """

    module: str
    name: str
    home: str
    value: object

    @property
    def full_name(self) -> str:
        """Module and name, as a program writes them."""
        return f"{self.module}.{self.name}"

    @property
    def summary(self) -> str:
        """First line of the documentation, without its last full stop; "" for plain values."""
        return summary_of(self.value) if has_own_text(self.value) else ""


@functools.cache
def public_names() -> list[PublicName]:
    """All public names: those of `cnnx` itself, then the others of its public modules."""
    own = [PublicName("cnnx", name, home, getattr(cnnx, name)) for name, home in _stub_names()]
    modules = [each for each in own if isinstance(each.value, types.ModuleType)]
    names = [each for each in own if each not in modules]
    known = {each.name: each.value for each in names}
    others = [each for module in modules for each in _names_of(f"cnnx.{module.name}")]
    return names + [each for each in others if known.get(each.name) is not each.value]


def public_modules() -> list[types.ModuleType]:
    """Public modules, in the order of the stub."""
    values = [getattr(cnnx, name) for name, _ in _stub_names()]
    return [value for value in values if isinstance(value, types.ModuleType)]


def _stub_names() -> Iterator[tuple[str, str]]:
    """Public names of `cnnx` with the modules that define them, in the order of the stub."""
    line = r"^from (\S+) import (?:(\*)|\w+ as (\w+))"
    for home, star, name in re.findall(line, STUB.read_text(encoding="utf-8"), flags=re.MULTILINE):
        for each in importlib.import_module(home).__all__ if star else [name]:
            yield each, home


def _names_of(module_name: str) -> Iterator[PublicName]:
    module = importlib.import_module(module_name)
    listed = getattr(module, "__all__", None)
    names = listed or [each for each in vars(module) if not each.startswith("_")]
    for name in names:
        value = getattr(module, name)
        home = getattr(value, "__module__", None) or _defining_module(module, name)
        if listed or (home.startswith("cnnx.") and not isinstance(value, types.ModuleType)):
            home = home if home.startswith("cnnx") else _defining_module(module, name)
            yield PublicName(module_name, name, home, value)


def _defining_module(module: types.ModuleType, name: str) -> str:
    """Module from which a public module imports an alias of types or a constant."""
    pattern = rf"^from (\S+) import (?:\([^)]*\b{name}\b[^)]*\)|.*\b{name}\b)"
    found = re.search(pattern, inspect.getsource(module), flags=re.MULTILINE)
    return found[1] if found else module.__name__


def has_own_text(value: object) -> bool:
    """Whether the documentation of a value is its own: not that of a union, a list or a string."""
    return inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value))  # type: ignore[arg-type]


def summary_of(value: object) -> str:
    """First sentence of an object's documentation, without its last full stop."""
    return first_sentence(inspect.getdoc(value) or "")


def first_sentence(text: str) -> str:
    """First paragraph, which is a sentence in docstrings, in one line without its full stop."""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def members(value: type) -> list[str]:
    """Methods and properties of a class for users that the Attributes of its docstring lack.

    Those of a base class belong to the page of that class, if it is public.
    """
    listed = attributes_in(value)
    bases = [value, *(base for base in value.__mro__[1:] if _is_private(base))]
    found = {
        name: None
        for base in reversed(bases)
        for name, member in vars(base).items()
        if (name[0] != "_" or name == "__call__") and name not in listed and _is_described(member)
    }
    return list(found)


def _is_private(base: type) -> bool:
    public = {id(each.value) for each in public_names()}
    return base.__module__.startswith("cnnx") and id(base) not in public


def _is_described(member: object) -> bool:
    kinds = (property, classmethod, staticmethod, functools.cached_property, types.FunctionType)
    return isinstance(member, kinds) and bool(inspect.getdoc(member))


def attributes_in(value: type) -> list[str]:
    """Names in the section Attributes of a class's docstring."""
    text = inspect.getdoc(value) or ""
    section = re.search(r"^Attributes:\n((?:(?: .*)?\n?)*)", text, flags=re.MULTILINE)
    return re.findall(r"^    (\w+):", section[1] if section else "", flags=re.MULTILINE)
