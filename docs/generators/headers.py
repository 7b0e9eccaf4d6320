"""The reference of the C++ and C interfaces, from the comments and declarations of the headers."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generators.declarations import Declaration, declarations, opening_comment
from docs.generators.markup import escaped, heading, indented, prose, table

HEADERS = Path(__file__).parents[2] / "cpp" / "include" / "cnnx"
C_HEADER = "c_api.h"
_CPP_DIRECTIVES = {
    "function": "cpp:function",
    "variable": "cpp:member",
    "enum": "cpp:enum-class",
    "enumerator": "cpp:enumerator",
    "macro": "c:macro",
}
_C_DIRECTIVES = {
    "function": "c:function",
    "variable": "c:member",
    "class": "c:struct",
    "alias": "c:type",
    "enumerator": "c:enumerator",
}


def write(folder: Path) -> None:
    """Write a page for each C++ header to `folder`/cpp, and that of the C header to `folder`/c."""
    (folder / "cpp").mkdir(parents=True, exist_ok=True)
    (folder / "c").mkdir(exist_ok=True)
    headers = [path for path in sorted(HEADERS.glob("*.h")) if path.name != C_HEADER]
    (folder / "cpp" / "index.rst").write_text(_index(headers), encoding="utf-8")
    for path in headers:
        page = folder / "cpp" / f"{path.stem}.rst"
        page.write_text(header_page(path.name), encoding="utf-8")
    (folder / "c" / "index.rst").write_text(header_page(C_HEADER), encoding="utf-8")


def header_page(name: str) -> str:
    """Page of a header in reStructuredText."""
    source = (HEADERS / name).read_text(encoding="utf-8")
    is_c = name == C_HEADER
    lines = heading("C" if is_c else f"cnnx/{name}")
    lines += [".. code-block:: cpp", "", f'   #include "cnnx/{name}"', ""]
    lines += _linked(prose(opening_comment(source)), name)
    lines += [] if is_c else [".. cpp:namespace:: cnnx", ""]
    for each in declarations(source):
        lines += _linked(_described(each, is_c), name)
    return "\n".join([*lines, ""])


def _index(headers: list[Path]) -> str:
    lines = heading("C++")
    lines += ["``cnnx/cnnx.h`` includes the other headers.", ""]
    rows = []
    for path in headers:
        comment = "\n".join(opening_comment(path.read_text(encoding="utf-8")))
        sentence = re.split(r"\.(?:\s|$)|\n\n|:\n", comment)[0].replace("\n", " ")
        rows.append((f":doc:`cnnx/{path.name} <{path.stem}>`", escaped(sentence)))
    lines += table((), rows, (30, 70))
    return "\n".join(
        [*lines, ".. toctree::", "   :hidden:", "", *(f"   {p.stem}" for p in headers), ""]
    )


def _linked(lines: list[str], own: str) -> list[str]:
    """Lines in which names of headers are links to their pages."""

    def link(match: re.Match[str]) -> str:
        page = "../c/index" if match[1] == "c_api" else f"../cpp/{match[1]}"
        exists = (HEADERS / f"{match[1]}.h").exists() and f"{match[1]}.h" != own
        return f":doc:`{match[0]} <{page}>`" if exists else match[0]

    return [
        line if '"cnnx/' in line else re.sub(r"\bcnnx/(\w+)\.h\b", link, line) for line in lines
    ]


def _described(declaration: Declaration, is_c: bool) -> list[str]:
    """Directive of a declaration with its comment and members, or a section."""
    if declaration.kind == "comment":
        return _section(declaration.comment)
    if declaration.kind == "enum" and not declaration.name:
        return [line for each in declaration.members for line in _described(each, is_c)]
    directive, text = _signature(declaration, is_c)
    body = ["", *prose(declaration.comment)]
    for each in declaration.members:
        body += _described(each, is_c)
    return [f".. {directive}:: {text}", *indented(body), ""]


def _section(comment: list[str]) -> list[str]:
    """Heading of a short comment by itself, or paragraphs."""
    title, _, rest = re.sub(r"\.? *-*$", "", comment[0]).partition("; ")
    if len(comment) > 1 or len(title) > 40:
        return [*prose(comment), ""]
    return [*heading(title, "-"), *([f"{rest[:1].upper()}{rest[1:]}.", ""] if rest else [])]


def _signature(declaration: Declaration, is_c: bool) -> tuple[str, str]:
    """Directive of a declaration, and the signature as Sphinx reads it."""
    kind, text = declaration.kind, declaration.text
    if is_c:
        text = re.sub(r"^(struct|typedef) ", "", text)
        if kind == "alias" and text.startswith("struct "):
            text = declaration.name
        return _C_DIRECTIVES[kind], text
    if kind == "alias":
        return "cpp:type", text.removeprefix("using ")
    if kind == "class":
        found = re.fullmatch(r"(template <.*> )?(struct|class) (.*)", text)
        assert found is not None
        return f"cpp:{found[2]}", f"{found[1] or ''}{found[3]}"
    if kind == "enum":
        return _CPP_DIRECTIVES[kind], text.removeprefix("enum class ")
    return _CPP_DIRECTIVES[kind], text
