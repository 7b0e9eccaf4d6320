"""Pages of the Python reference: an overview of every group of names, and a page per name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from docs.generators.docstrings import linked
from docs.generators.public_names import (
    PublicName,
    has_own_text,
    members,
    public_modules,
    public_names,
)

FOLDER = "python"


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
        ("cnnx.model.", "cnnx.preprocessing"),
    ),
    "losses": ("Losses", "The loss that a training minimises.", ("cnnx.training.losses",)),
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
    """Names by page: one each, but a gradient is on the page of its function."""
    found: dict[str, list[PublicName]] = {}
    for each in names:
        found.setdefault(re.sub(r"_backward$", "", each.full_name), []).append(each)
    return found


def heading(text: str, line: str = "=") -> list[str]:
    """Heading in reStructuredText."""
    return [text, line * len(text), ""]


def _index(every: list[Group]) -> str:
    lines = [*heading("Python"), ".. toctree::", "   :maxdepth: 1", ""]
    return "\n".join([*lines, *(f"   {group.page}" for group in every), ""])


def _overview(group: Group) -> str:
    lines = [*heading(group.title), group.words, ""]
    if group.page.startswith("cnnx."):
        lines += [f".. py:module:: {group.page}", ""]
    shown = [names[0] for names in pages(group.names).values()]
    lines += _summaries(shown)
    lines += [".. toctree::", "   :hidden:", ""]
    return "\n".join([*lines, *(f"   {page}" for page in pages(group.names)), ""])


def _summaries(names: list[PublicName]) -> list[str]:
    """Table of names with their summaries."""
    lines = [".. list-table::", "   :widths: 30 70", ""]
    for each in names:
        lines += [
            f"   * - :py:obj:`~{each.full_name}`",
            f"     - {linked(each.summary, each.full_name)}",
        ]
    return [*lines, ""]


def _page(names: list[PublicName]) -> str:
    lines = heading(names[0].full_name)
    for each in names:
        lines += _description(each)
    return "\n".join([*lines, ""])


def _description(name: PublicName) -> list[str]:
    """Directive that describes one name."""
    if inspect.isclass(name.value):
        return [f".. autoclass:: {name.full_name}", *_members(name.value), ""]
    if has_own_text(name.value):
        return [f".. autofunction:: {name.full_name}", ""]
    return [f".. py:data:: {name.full_name}", ""]


def _members(value: type) -> list[str]:
    names = members(value)
    return [f"   :members: {', '.join(names)}"] if names else []
