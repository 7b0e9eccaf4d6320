"""The C++ and C reference of the site: every public declaration of the headers is on its page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.generators import headers  # noqa: E402
from docs.generators.declarations import Declaration, declarations  # noqa: E402
from docs.generators.markup import escaped, prose  # noqa: E402

HEADERS = sorted(headers.HEADERS.glob("*.h"))

each_header = pytest.mark.parametrize("path", HEADERS, ids=lambda path: path.name)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Texts of the pages by header, without the escapes of plain text."""
    folder = tmp_path_factory.mktemp("reference")
    headers.write(folder)
    found = {f"{page.stem}.h": page for page in (folder / "cpp").glob("*.rst")}
    found["c_api.h"] = folder / "c" / "index.rst"
    return {name: page.read_text("utf-8") for name, page in found.items()}


def code_of(path: Path) -> str:
    """The public code of a header: without comments, macros and private members."""
    code = re.sub(r"//.*|^#.*", "", path.read_text("utf-8"), flags=re.MULTILINE)
    code = re.sub(r"^ (private|protected):.*?^\};", "};", code, flags=re.MULTILINE | re.DOTALL)
    return code.replace("CNNX_API ", "")


def signature_names(page: str) -> set[str]:
    """Every word in the signatures of a page."""
    signatures = re.findall(r"^ *\.\. (?:cpp|c):[\w-]+:: (.*)$", page, re.MULTILINE)
    return set(re.findall(r"\w+", " ".join(signatures)))


def test_every_header_has_a_page(pages: dict[str, str]) -> None:
    assert set(pages) - {"index.h"} == {path.name for path in HEADERS}
    assert len(HEADERS) > 40


def test_every_c_function_is_described_once(pages: dict[str, str]) -> None:
    declared = re.findall(r"CNNX_API[^;(]*?(\w+)\(", (headers.HEADERS / "c_api.h").read_text())
    described = re.findall(r"^\.\. c:function:: .*?(\w+)\(", pages["c_api.h"], re.MULTILINE)
    assert described == declared
    assert len(declared) > 60


@each_header
def test_every_exported_function_is_described(path: Path, pages: dict[str, str]) -> None:
    """Also overloads: as many descriptions as declarations."""
    declared = re.findall(r"^CNNX_API[^;(]*?(\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    described = re.findall(
        r"^\.\. (?:cpp|c):function:: (?:template <.*> )?[^(]*?(\w+)\(", pages[path.name], re.M
    )
    assert [name for name in described if name in declared] == declared


@each_header
def test_every_type_and_its_public_members_are_described(path: Path, pages: dict[str, str]) -> None:
    code, words = code_of(path), signature_names(pages[path.name])
    types = re.findall(r"\b(?:struct|class|enum class) (\w+)\s*(?::[^:{][^{]*)?\{", code)
    methods = re.findall(
        r"^  (?!return|for|if)[A-Za-z][\w:<>,&* ]*?(?<![\w:])(\w+)\(.*[;{]$", code, re.MULTILINE
    )
    assert set(types) | set(methods) <= words


def test_comments_belong_to_their_declarations() -> None:
    source = """// The header.
#pragma once

namespace cnnx {

// Sizes.

// A pair.
struct Pair {
  int64_t height = 1, width = 2;  // in pixels
  // The sum.
  int64_t sum() const { return height + width; }

 private:
  int hidden_;
};

enum class Mode {
  fast,  // quick,
         // but rough
  exact
};

// Adds.
CNNX_API int add(int a,
                 int b = 0);
CNNX_API int unsaid();
inline int twice(int a) {
  // inside
  return 2 * a;
}

}  // namespace cnnx
"""

    def shown(found: list[Declaration]) -> Iterator[tuple[str, str, str]]:
        for each in found:
            yield each.kind, each.text, " ".join(each.comment)
            yield from shown(each.members)

    assert list(shown(declarations(source))) == [
        ("comment", "", "Sizes."),
        ("class", "struct Pair", "A pair."),
        ("variable", "int64_t height = 1", "in pixels"),
        ("variable", "int64_t width = 2", "in pixels"),
        ("function", "int64_t sum() const", "The sum."),
        ("enum", "enum class Mode", ""),
        ("enumerator", "fast", "quick, but rough"),
        ("enumerator", "exact", ""),
        ("function", "int add(int a, int b = 0)", "Adds."),
        ("function", "int unsaid()", ""),
        ("function", "int twice(int a)", ""),
    ]


def test_indented_parts_of_comments_are_code() -> None:
    comment = [
        "Formula:",
        "",
        "  y = 2 * x",
        "",
        "- a list",
        "  goes on",
        "",
        "    z = y;",
        "",
        "End.",
    ]
    assert [line for line in prose(comment) if line] == [
        "Formula:",
        ".. code-block:: text",
        "   y = 2 * x",
        "- a list",
        "  goes on",
        "  .. code-block:: cpp",
        "     z = y;",
        "End.",
    ]


def test_plain_text_stays_as_it_is() -> None:
    assert escaped("2 * x, |x|, x_ and `a * b`") == r"2 \* x, \|x\|, x\_ and ``a * b``"
