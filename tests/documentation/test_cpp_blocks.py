"""The C++ blocks of the documentation compile without warnings and run as printed."""

from __future__ import annotations

import re
from collections.abc import Callable

import cnnx
import numpy as np
import pytest
from document_blocks import blocks_of, pages
from document_cpp import cpp_blocks, is_excerpt, programs, run_programs
from document_pages import PageRun

WITH_PROGRAMS = [page for page in pages() if programs(page)]


@pytest.fixture(scope="module")
def cpp_outputs(
    tmp_path_factory: pytest.TempPathFactory, page_run: Callable[[str], PageRun]
) -> Callable[[str], list[str]]:
    """Build and run the programs of a page in the folder of its run, or return their outputs."""
    outputs: dict[str, list[str]] = {}

    def run(page: str) -> list[str]:
        if page not in outputs:
            outputs[page] = run_programs(page, page_run(page).folder, tmp_path_factory.mktemp("p"))
        return outputs[page]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PROGRAMS)
def test_the_programs_compile_and_run(page: str, cpp_outputs: Callable[[str], list[str]]) -> None:
    assert len(cpp_outputs(page)) == len(programs(page))


@pytest.mark.slow
def test_the_program_of_the_readme_predicts_as_python_does(
    cpp_outputs: Callable[[str], list[str]], page_run: Callable[[str], PageRun]
) -> None:
    model = cnnx.load(page_run("README.md").folder / "digits.cnnx")
    black = np.zeros((28, 28, 1), np.uint8)
    expected = f"{model.predict(black)} ({100 * model.predict_proba(black).max():.0f} %)\n"
    assert cpp_outputs("README.md") == [expected]


@pytest.mark.slow
def test_the_program_of_the_page_on_cpp_prints_what_its_comments_say(
    cpp_outputs: Callable[[str], list[str]],
) -> None:
    (output,) = cpp_outputs("docs/cpp.md")
    printed = output.splitlines()
    assert printed[0].startswith("epoch 1: loss ")
    assert re.fullmatch(r"[XO], number [01]: \d\.\d{3}", printed[3]), printed
    assert printed[-2] == "256 predictions, 512 outputs"
    (comment,) = re.findall(r"// (layer edges: .*)", cpp_blocks("docs/cpp.md")[-1].text)
    assert printed[-1] == comment


def test_every_block_in_c_is_saved_or_an_excerpt() -> None:
    unknown = [
        f"{page}, line {block.line}"
        for page in pages()
        for block in blocks_of(page)
        if block.language == "c" and not block.saved_as and not is_excerpt(block.text)
    ]
    assert unknown == []


def test_excerpts_are_found() -> None:
    assert is_excerpt("void release();\n")
    assert not is_excerpt("void release(int);\n")
