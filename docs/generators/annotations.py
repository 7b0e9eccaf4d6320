"""Types of arguments as the source has them, with full names of public types.

Annotations are not evaluated: a reader sees `ArrayLike`, not the union that NumPy makes of it. Only
the private names of this package are written out.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

import cnnx

from docs.generators.public_names import public_names

# Types of other packages, which have no page here.
EXTERNAL_TYPES = (
    *("Any", "Callable", "Iterable", "Iterator", "Literal", "Mapping", "Path", "PathLike"),
    *("Sequence", "ArrayLike", "NDArray", "float32", "float64", "int64", "uint8", "RandomState"),
    *("Axes", "Figure", "DataFrame", "AbstractContextManager", "Self"),
)


@dataclass(frozen=True)
class _Module:
    """Names of a module's source.

    Attributes:
        imported: names that it imports: their modules and names there.
        assigned: sources of the values that it assigns, such as aliases of types.
    """

    imported: dict[str, tuple[str, str]]
    assigned: dict[str, ast.expr]


@functools.cache
def _source(module: str) -> str:
    """Source of a module, or the stub of a compiled one."""
    path = Path(str(importlib.import_module(module).__file__))
    if path.suffix != ".py":
        path = Path(cnnx.__file__).with_name(f"{module.rpartition('.')[2]}.pyi")
    return path.read_text(encoding="utf-8")


def alias_source(module: str, name: str) -> str:
    """Source of the value that a module assigns to a name, or of its type."""
    found = re.search(rf"^{name}(?:: TypeAlias)?(?: = |: )(.*)$", _source(module), re.MULTILINE)
    if found is None:
        raise ValueError(f"{module}: assigns no {name}")
    return found[1]


def comment_above(module: str, name: str) -> str:
    """Text of the comment above the assignment of a name.

    Raises:
        ValueError: if there is none.
    """
    found = re.search(rf"((?:^# .*\n)+){name}\b", _source(module), re.MULTILINE)
    if found is None:
        raise ValueError(f"{module}: {name} has no comment, expected one line or more above it")
    return " ".join(line[2:] for line in found[1].splitlines())


@functools.cache
def _module(name: str) -> _Module:
    found = _Module({}, {})
    for node in ast.walk(ast.parse(_source(name))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found.imported[alias.asname or alias.name] = (str(node.module), alias.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id.lstrip("_")[:1].isupper():
                found.assigned[target.id] = _readable(node.value)
    return found


def _readable(value: ast.expr) -> ast.expr:
    """The value of an alias; a variable of types is `Self` if it has a bound, or any type."""
    if not isinstance(value, ast.Call):
        return value
    return ast.Name("Self" if any(each.arg == "bound" for each in value.keywords) else "Any")


@functools.cache
def _public() -> dict[tuple[str, str], str]:
    """Full public names by the module and the name of their definition."""
    return {(each.home, each.name): each.full_name for each in public_names()}


def type_text(annotation: object, module: str) -> str:
    """Text of an annotation.

    Args:
        annotation: its source, or what Python made of it.
        module: name of the module that has it.
    """
    source = getattr(annotation, "__forward_arg__", annotation)
    if not isinstance(source, str):
        source = inspect.formatannotation(source)
    tree = _Names(module).visit(ast.parse(source, mode="eval"))
    return ast.unparse(tree).replace("'", '"')


class _Names(ast.NodeTransformer):
    """Replaces the names in an annotation of one module."""

    def __init__(self, module: str) -> None:
        self._module = module

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """The last part of a name of another package, `uint8` of `np.uint8`."""
        return ast.Name(node.attr.rstrip("_"))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A quoted type as its source."""
        if not isinstance(node.value, str):
            return node
        expanded: ast.expr = self.visit(ast.parse(node.value, mode="eval").body)
        return expanded

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """The values of a Literal are texts, not types."""
        if ast.unparse(node.value) in ("Literal", "typing.Literal"):
            return node
        node.value, node.slice = self.visit(node.value), self.visit(node.slice)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A public name in full, or the source of a private one."""
        module, name = self._module, node.id
        while (module, name) not in _public():
            if not module.startswith("cnnx") or module.startswith("cnnx._core"):
                return ast.Name(name)
            known = _module(module)
            if name in known.assigned:
                expanded: ast.expr = _Names(module).visit(known.assigned[name])
                return expanded
            if name not in known.imported:
                return ast.Name(name)
            module, name = known.imported[name]
        return ast.Name(f"~{_public()[module, name]}")
