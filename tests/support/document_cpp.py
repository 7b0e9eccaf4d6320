"""Programs of the C++ blocks of a page, built as another project against the installed package.

Not part of the package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cpp_build import ROOT, build_consumer, run
from document_blocks import Block, blocks_of

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(documented LANGUAGES CXX)
add_executable(your_program main.cpp)
{lines}
"""
LINK = ("find_package(cnnx CONFIG REQUIRED)", "target_link_libraries(your_program cnnx::cnnx)")
# The fragments of a page are one program.
PROGRAM = """
#include <algorithm>
#include <cmath>
#include <cnnx/cnnx.h>
#include <cstdio>
#include <memory>
#include <thread>
int main() {{
{body}
}}
"""


def cpp_blocks(page: str) -> list[Block]:
    """The C++ blocks of a page that are programs or parts of one, not excerpts of a source file."""
    return [
        block
        for block in blocks_of(page)
        if block.language == "cpp" and not block.saved_as and not is_excerpt(block.text)
    ]


def is_excerpt(text: str) -> bool:
    """Whether a source of the library or of an example has these lines, indented by any number."""
    return any(unindented(text) in source for source in library_sources())


def unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@cache
def library_sources() -> tuple[str, ...]:
    paths = [
        path
        for folder in ("cpp/include", "cpp/src", "examples")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".c", ".cpp", ".h"}
    ]
    return tuple(unindented(path.read_text(encoding="utf-8")) for path in paths)


def programs(page: str) -> list[str]:
    """Complete programs one by one, and the fragments together."""
    texts = [block.text for block in cpp_blocks(page)]
    complete = [text for text in texts if "int main(" in text]
    fragments = [text for text in texts if "int main(" not in text]
    return complete + ([PROGRAM.format(body="".join(fragments))] if fragments else [])


def cmake_lines(page: str) -> Sequence[str]:
    """The lines for CMakeLists.txt in the blocks of a page that are not a whole project, or in its
    text.
    """
    blocks = [
        each.text
        for each in blocks_of(page)
        if each.language == "cmake" and "project(" not in each.text
    ]
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    return blocks or re.findall(r"`(find_package\([^`]*|target_link_libraries\([^`]*)`", text)


def write_project(folder: Path, page: str, source: str) -> None:
    """Write a project of one program, `your_program`, with the lines of a page."""
    folder.mkdir()
    (folder / "main.cpp").write_text(source, encoding="utf-8")
    lines = "\n".join(cmake_lines(page) or LINK)
    (folder / "CMakeLists.txt").write_text(CMAKE.format(lines=lines), encoding="utf-8")


def run_programs(page: str, folder: Path, build: Path) -> list[str]:
    """The outputs of the programs of a page, started in a folder, with warnings as errors."""
    outputs = []
    for number, source in enumerate(programs(page)):
        project = build / f"project{number}"
        write_project(project, page, source)
        built = build_consumer(project, build / f"consumer{number}")
        outputs.append(run([built / "your_program"], cwd=folder))
    return outputs
