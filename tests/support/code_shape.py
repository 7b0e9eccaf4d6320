"""Rules on the shape of code: long functions, many parameters, repeated passages.

Not part of the package. Like the architecture rules, each is a function from the root of a tree to
sentences about what breaks it. A file may state its exception in its first lines: "Long function
because", "Many parameters because" or "Repeated because".
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from architecture_rules import REASON_LINES, sources, syntax_tree

MOST_FUNCTION_LINES = 80
MOST_PARAMETERS = 8
LEAST_REPEATED_LINES = 12


class Function(NamedTuple):
    """A function definition in a file."""

    name: str
    line: int
    lines: int
    parameters: int


def states_reason(path: Path, reason: str) -> bool:
    head = path.read_text(encoding="utf-8").splitlines()[:REASON_LINES]
    return f"{reason} because" in "\n".join(head)


def statements(parent: ast.AST) -> Iterator[ast.AST]:
    """The statements inside a module or a statement; walking expressions takes longer."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(parent, field, ()):
            yield statement
            yield from statements(statement)


def python_functions(path: Path) -> Iterator[Function]:
    for node in statements(syntax_tree(path)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        arguments = node.args
        names = [each.arg for each in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        docstring = ast.get_docstring(node, clean=False) or ""
        assert node.end_lineno is not None
        lines = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
        yield Function(node.name, node.lineno, lines, count)


def without_comments(text: str) -> str:
    """C++ with comments and the insides of strings blanked, every line in its place."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''

    def blank(found: re.Match[str]) -> str:
        text = re.sub(r"[^\n]", " ", found.group())
        return text if found.group().startswith("/") else f'"{text[2:]}"'

    return re.sub(pattern, blank, text, flags=re.DOTALL)


def parameters_of(text: str) -> int:
    """The number of parameters between the parenthesis that opens `text` and its partner."""
    depth, angle, count, seen = 0, 0, 0, False
    for character in text:
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return count + seen
        elif character == "<":
            angle += 1
        elif character == ">":
            angle = max(0, angle - 1)
        elif character == "," and depth == 1 and angle == 0:
            count += 1
        elif depth >= 1 and not character.isspace():
            seen = True
    return count + seen


def cpp_functions(path: Path) -> Iterator[Function]:
    """Definitions in namespaces and classes; a lambda counts as part of the function it is in."""
    text = without_comments(path.read_text(encoding="utf-8"))
    text = re.sub(r"^[ \t]*#(\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.M)
    scopes: list[tuple[str, int, str]] = []  # kind, offset, header
    start = 0
    for at, character in enumerate(text):
        if character in ";{}":
            header = text[start:at]
            start = at + 1
        if character == "{":
            inside = scopes[-1][0] if scopes else "scope"
            declares = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", header)
            if inside == "scope" and declares:
                kind = "scope"
            elif inside == "scope" and "(" in header:
                kind = "function"
            else:
                kind = "block"
            scopes.append((kind, at, header))
        elif character == "}" and scopes:
            kind, opened, header = scopes.pop()
            if kind != "function":
                continue
            name = re.search(r"([\w:~]+|operator[^\w\s]+)\s*\(", header)
            if not name:
                continue
            first = text.count("\n", 0, opened - len(header.lstrip())) + 1
            last = text.count("\n", 0, at) + 1
            parameters = parameters_of(header[name.end() - 1 :])
            yield Function(name[1], first, last - first + 1, parameters)


@functools.cache
def functions(path: Path) -> tuple[Function, ...]:
    """Definitions in a file, which must not change."""
    return tuple((python_functions if path.suffix in (".py", ".pyi") else cpp_functions)(path))


def functions_are_short(root: Path) -> Iterator[str]:
    for name, path in sources(root):
        if states_reason(path, "Long function"):
            continue
        for each in functions(path):
            if each.lines > MOST_FUNCTION_LINES:
                yield f"{name}:{each.line}: {each.name} has {each.lines} lines"


def functions_take_few_parameters(root: Path) -> Iterator[str]:
    for name, path in sources(root):
        if states_reason(path, "Many parameters"):
            continue
        for each in functions(path):
            if each.parameters > MOST_PARAMETERS:
                yield f"{name}:{each.line}: {each.name} takes {each.parameters} parameters"


# Words that give a line its shape; every other name, number and string stands for any other.
SHAPE_WORDS = {
    *("if", "else", "for", "while", "do", "return", "break", "continue", "switch", "case"),
    *("default", "class", "struct", "template", "typename", "const", "static", "constexpr"),
    *("inline", "virtual", "override", "final", "void", "bool", "int", "float", "double"),
    *("auto", "def", "lambda", "with", "as", "in", "not", "and", "or", "is", "try"),
    *("except", "raise", "yield", "import", "from", "public", "private", "using"),
    *("namespace", "assert", "None", "True", "False", "self", "nullptr", "true", "false"),
    *("operator", "new", "delete", "throw", "catch"),
}


def shape(line: str) -> str:
    words = re.findall(r'"[^"]*"|\'[^\']*\'|\w+|[^\w\s]', line)
    return " ".join(
        word if word in SHAPE_WORDS or not re.match(r"[\w\"']", word) else "x" for word in words
    )


def code_lines(path: Path) -> list[tuple[int, str]]:
    """(line number, shape) of the lines of code: not blank, no comment, import or include."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".py", ".pyi"):
        text = re.sub(r'""".*?"""', lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
        imports = r"^ *(import|from) [^\n(]*(\([^)]*\))?"
        text = re.sub(imports, lambda m: "\n" * m[0].count("\n"), text, flags=re.MULTILINE)
        skipped = r"$"
    else:
        text = without_comments(text)
        skipped = r"\s*(#|using\b|namespace\b|\}  *$)"
    return [
        (number, shape(line))
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not re.match(skipped, line)
    ]


def no_passage_stands_twice(root: Path) -> Iterator[str]:
    """Runs of lines that are equal but for names and values, in one file or two."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    files = {}
    for name, path in sources(root):
        if states_reason(path, "Repeated"):
            continue
        lines = files[name] = code_lines(path)
        for at in range(len(lines) - LEAST_REPEATED_LINES + 1):
            window = tuple(text for _, text in lines[at : at + LEAST_REPEATED_LINES])
            # A table of values has lines of one shape, which says nothing.
            if len(set(window)) > LEAST_REPEATED_LINES // 2:
                places[window].append((name, at))
    reported: dict[tuple[str, str], tuple[int, int]] = {}
    for found in places.values():
        for (first, at), (second, other) in pairwise(found):
            if first == second and other - at < LEAST_REPEATED_LINES:
                continue
            last = reported.get((first, second))
            reported[first, second] = (at, other)
            if last and (at - last[0], other - last[1]) == (1, 1):
                continue  # the same passage, a line further
            yield (
                f"{first}:{files[first][at][0]} and {second}:{files[second][other][0]} repeat "
                f"{LEAST_REPEATED_LINES} lines or more"
            )
