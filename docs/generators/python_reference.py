"""Pages of the Python reference: an overview of every group of names, and a page per name."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cnnx

from docs.generators.annotations import alias_source, comment_above, type_text
from docs.generators.docstrings import linked
from docs.generators.layer_tables import layer_sections
from docs.generators.markup import heading, table
from docs.generators.public_names import (
    PublicName,
    first_sentence,
    has_own_text,
    members,
    public_modules,
    public_names,
    summary_of,
)

FOLDER = "python"
_LAYER_ORDER = (
    *("convolution", "dense", "pooling", "normalisation", "activations", "dropout"),
    *("shape", "merge", "blocks", "graph", "base"),
)


@dataclass(frozen=True)
class Group:
    """Names that one overview page lists.

    Attributes:
        page: stem of the overview page.
        title: heading of the page.
        words: introduction.
        names: names of the group.
    """

    page: str
    title: str
    words: str
    names: list[PublicName]


# Names of `cnnx` itself by the modules that define them; the first prefix that fits counts.
_OWN_GROUPS = {
    "layers": (
        "Layers",
        "Layers and blocks of layers, of which a :class:`~cnnx.Model` is built.",
        ("cnnx.layers.",),
    ),
    "model": (
        "Model",
        "The network with its weights, and the preprocessing of its images.",
        ("cnnx.model.", "cnnx.preprocessing", "cnnx.quantization."),
    ),
    "losses": (
        "Losses",
        "The loss that a training minimises; :mod:`cnnx.losses` has more.",
        ("cnnx.training.loss",),
    ),
    "optimizers": (
        "Optimizers",
        "The update of the weights by their gradients.",
        ("cnnx.training.optimizers",),
    ),
    "schedules": (
        "Learning rate schedules",
        "The learning rate over the steps of a training.",
        ("cnnx.training.schedules",),
    ),
    "training": (
        "Training",
        "The trainer, and the results of a training.",
        ("cnnx.training.",),
    ),
    "runtime": (
        "Runtime and errors",
        "Threads, the instruction set, and the exception and warning types.",
        ("cnnx._core", "cnnx.runtime", "cnnx.advice"),
    ),
}


def groups() -> list[Group]:
    """All groups of public names.

    Raises:
        ValueError: if a name of `cnnx` fits no group.
    """
    names = public_names()
    found = {page: list[PublicName]() for page in _OWN_GROUPS}
    for each in names:
        if each.module == "cnnx":
            found[_page_of(each)].append(each)
    own = [Group(page, *_OWN_GROUPS[page][:2], found[page]) for page in _OWN_GROUPS]
    modules = [
        Group(
            module.__name__,
            module.__name__,
            inspect.getdoc(module) or "",
            [each for each in names if each.module == module.__name__],
        )
        for module in public_modules()
    ]
    return own + modules


def _page_of(name: PublicName) -> str:
    for page, (_, _, prefixes) in _OWN_GROUPS.items():
        if name.home.startswith(prefixes):
            return page
    raise ValueError(f"{name.full_name}: {name.home} is in no group of docs/generators")


def write(folder: Path) -> None:
    """Write the pages of the Python reference to `folder`/python."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    every = groups()
    (target / "index.rst").write_text(_index(every), encoding="utf-8")
    for group in every:
        (target / f"{group.page}.rst").write_text(_overview(group), encoding="utf-8")
        for page, names in pages(group.names).items():
            (target / f"{page}.rst").write_text(_page(names), encoding="utf-8")


def pages(names: Iterable[PublicName]) -> dict[str, list[PublicName]]:
    """Names by the stem of their page: one each, but a gradient is on that of its function.

    Some file systems do not tell apart upper and lower case.
    """
    found: dict[str, list[PublicName]] = {}
    for each in names:
        page = _page_name(each)
        found.setdefault(f"{page}-function" if page in _repeated() else page, []).append(each)
    return found


def _page_name(name: PublicName) -> str:
    return re.sub(r"_backward$", "", name.full_name)


@functools.cache
def _repeated() -> set[str]:
    """Names of pages that are those of other pages except for upper and lower case."""
    first: dict[str, str] = {}
    for page in sorted({_page_name(each) for each in public_names()}):
        first.setdefault(page.lower(), page)
    return {_page_name(each) for each in public_names()} - set(first.values())


def _index(every: list[Group]) -> str:
    lines = [*heading("Python"), ".. py:module:: cnnx", ""]
    lines += [f"{summary_of(cnnx)}.", ""]
    rows = [
        (f":doc:`{group.title} <{group.page}>`", linked(first_sentence(group.words), group.page))
        for group in every
    ]
    lines += [*table((), rows, (30, 70)), ".. toctree::", "   :hidden:", ""]
    return "\n".join([*lines, *(f"   {group.page}" for group in every), ""])


def _overview(group: Group) -> str:
    lines = [*heading(group.title), linked(group.words, group.page), ""]
    if group.page.startswith("cnnx."):
        lines = [*heading(group.title), f".. py:module:: {group.page}", "", *lines[3:]]
    shown = [names[0] for names in pages(group.names).values()]
    parts = _parts(shown) if group.page == "layers" else {"": shown}
    for title, names in parts.items():
        lines += heading(title, "-") if title else []
        lines += _summaries(names)
    lines += [".. toctree::", "   :hidden:", ""]
    stems = {names[0].full_name: page for page, names in pages(group.names).items()}
    ordered = [stems[each.full_name] for names in parts.values() for each in names]
    return "\n".join([*lines, *(f"   {page}" for page in ordered), ""])


def _parts(layers: list[PublicName]) -> dict[str, list[PublicName]]:
    """Layers by the modules that define them, under the first words of the modules."""
    found: dict[str, list[PublicName]] = {}
    for home in sorted({each.home for each in layers}, key=_place):
        title = re.split("[:,]", summary_of(importlib.import_module(home)))[0]
        found[title] = [each for each in layers if each.home == home]
    return found


def _place(home: str) -> tuple[int, str]:
    """Place of a module of layers on the overview; new ones come last."""
    stem = home.rpartition(".")[2]
    return (_LAYER_ORDER.index(stem) if stem in _LAYER_ORDER else len(_LAYER_ORDER)), stem


def _summaries(names: list[PublicName]) -> list[str]:
    """Table of names with their summaries."""
    rows = [
        (f":py:obj:`~{each.full_name}`", linked(_words(each), each.full_name)) for each in names
    ]
    return table((), rows, (30, 70))


def _words(name: PublicName) -> str:
    return name.summary or comment_above(name.home, name.name)


def _page(names: list[PublicName]) -> str:
    lines = heading(names[0].full_name)
    for each in names:
        lines += _description(each)
    # The examples of the gallery that use the name; nothing if none does.
    lines += [f".. minigallery:: {names[0].full_name}"]
    lines += ["   :add-heading: Examples of the gallery", "   :heading-level: -", ""]
    return "\n".join(lines)


def _description(name: PublicName) -> list[str]:
    """Directive that describes one name."""
    value = name.value
    if inspect.isclass(value):
        own = members(value)
        lines = [f".. autoclass:: {name.full_name}"]
        lines += [f"   :members: {', '.join(own)}"] if own else []
        layer = layer_sections(value, set(dir(cnnx.ops))) if issubclass(value, cnnx.Layer) else []
        return [*lines, "", *layer]
    if has_own_text(value):
        return [f".. autofunction:: {name.full_name}", ""]
    words = linked(comment_above(name.home, name.name), name.full_name)
    if isinstance(value, (str, tuple)):  # a constant, not an alias of types
        what = f"   :value: {value!r}"
    else:
        what = f"   :type: {type_text(alias_source(name.home, name.name), name.home)}"
    return [f".. py:data:: {name.full_name}", what, "", f"   {words}", ""]
