"""Every code block of the README and of docs/ runs as printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cnnx
import pytest
from cpp_build import ROOT
from document_blocks import Block, blocks_in, blocks_of, pages
from document_pages import (
    NOT_RUN,
    PAGES,
    PageRun,
    lines_to_run,
    reason_not_to_run,
    run_blocks,
    run_page,
)

# Languages that tests run or check, and those that are read only.
RUN = {"python", "sh", "console"}
CHECKED = {"c", "cmake", "cpp", "dockerfile", "json", "pycon", "yaml"}
SHOWN = {
    "": "output, which contains no command after a prompt",
    "mermaid": "a graph, which tests/documentation/test_page_results.py compares",
    "powershell": "needs Windows",
    "text": "output of the block before, which is compared",
}


def marked(page: str) -> object:
    marks = [pytest.mark.beside(call=run_page)]
    if page in PAGES and PAGES[page].slow:
        marks.append(pytest.mark.slow)
    return pytest.param(page, marks=marks, id=page)


PARAMETERS = [marked(page) for page in pages()]


@pytest.mark.parametrize("page", PARAMETERS)
def test_the_programs_of_a_page_run(page: str, page_run: Callable[[str], PageRun]) -> None:
    run = page_run(page)
    wanted = [block for block in blocks_of(page) if block.language in RUN and not block.saved_as]
    assert [step.line for step in run.steps] == [block.line for block in wanted]
    assert len(run.outputs) == len(run.steps)


@pytest.mark.parametrize("page", pages())
def test_every_block_has_a_known_language(page: str) -> None:
    unknown = [
        f"{page}, line {block.line}: {block.language}"
        for block in blocks_of(page)
        if block.language not in RUN | CHECKED | set(SHOWN)
        or (not block.language and re.search(r"^(\$|>>>) ", block.text, re.MULTILINE))
    ]
    assert unknown == []


@pytest.mark.parametrize("page", PARAMETERS)
def test_shown_output_is_that_of_the_block_before(
    page: str, page_run: Callable[[str], PageRun]
) -> None:
    """`...` stands for any text within lines or for lines, as in a doctest."""
    if cnnx.isa() == "baseline":
        pytest.skip("pages show the numbers of instruction sets with fused multiply-add")
    previous = None
    for block in blocks_of(page):
        if block.language == "text":
            assert previous is not None, f"{page}, line {block.line} follows no program"
            run = page_run(page)
            output = dict(zip((step.line for step in run.steps), run.outputs, strict=True))
            assert same_output(block.text, output[previous.line]), output[previous.line]
        previous = block if block.language in RUN else None


def same_output(shown: str, printed: str) -> bool:
    parts = [re.escape(part) for part in shown.rstrip().split("...")]
    return re.fullmatch(".*".join(parts), printed.rstrip(), re.DOTALL) is not None


@pytest.mark.parametrize("page", pages())
def test_the_syntax_of_shell_blocks_is_correct(page: str) -> None:
    for block in blocks_of(page):
        if block.language == "sh" or (block.saved_as or "").endswith(".sh"):
            checked = subprocess.run(
                ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
            )
            assert checked.returncode == 0, f"{page}, line {block.line}: {checked.stderr}"


def test_every_exception_is_used() -> None:
    lines = [
        line
        for page in pages()
        for each in blocks_of(page)
        if each.language == "sh"
        for line in each.lines
    ]
    assert set(NOT_RUN) == {reason_not_to_run(line) for line in lines} - {None}
    assert set(PAGES) <= set(pages())


MODULE = re.compile(r"\bpython -m ((?:benchmarks|attack|fuzz)[\w.]*)([^#&|`]*)")


def long_commands() -> list[tuple[str, str]]:
    """Modules that take minutes and their options, also of commands within the text."""
    found = set()
    for page in pages():
        for module, words in MODULE.findall((ROOT / page).read_text(encoding="utf-8")):
            found.add((module, " ".join(re.findall(r"--[\w-]+", words))))
    return sorted(found)


# Packages that commands import before they read their options.
NEEDED = {"benchmarks.digits_in_sklearn": "sklearn"}


@pytest.mark.slow
@pytest.mark.parametrize(("module", "options"), long_commands())
def test_the_commands_that_take_minutes_have_their_options(module: str, options: str) -> None:
    path = ROOT.joinpath(*module.split("."))
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
    if options:
        if module in NEEDED:
            pytest.importorskip(NEEDED[module])
        command = [sys.executable, "-m", module, "--help"]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        assert [word for word in options.split() if word not in answer.stdout] == []


@pytest.mark.parametrize("page", pages())
def test_data_blocks_can_be_parsed(page: str) -> None:
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            yaml = pytest.importorskip("yaml")
            assert list(yaml.safe_load_all(block.text))
        elif block.language == "dockerfile":
            assert unknown_instructions(block) == []


def unknown_instructions(block: Block) -> list[str]:
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "ENV", "EXPOSE", "CMD", "ENTRYPOINT"}
    return [line for line in block.lines if line.split()[0] not in known]


EXAMPLE = """Save this as `hello.py`:

```python
print("hello")
```

```sh
# a comment
python hello.py \\
  --loud
pip install nothing
```

```text
he...
```

```python
number = 1
```

```python
print(number + 1)
```
"""


def test_blocks_are_found_saved_and_run(tmp_path: Path) -> None:
    blocks = blocks_in(EXAMPLE)
    assert [block.language for block in blocks] == ["python", "sh", "text", "python", "python"]
    assert [block.saved_as for block in blocks] == ["hello.py", None, None, None, None]
    assert [block.line for block in blocks[:2]] == [4, 8]
    assert lines_to_run(blocks[1]) == ["python hello.py --loud"]
    assert run_blocks("example", blocks, tmp_path).outputs == ["hello\n", "", "2\n"]


def test_a_block_that_fails_is_named(tmp_path: Path) -> None:
    failing = EXAMPLE.replace("number + 1", "count + 1")
    with pytest.raises(pytest.fail.Exception, match=r"example, line 23 raised an error") as error:
        run_blocks("example", blocks_in(failing), tmp_path)
    assert 'File "example", line 23, in <module>' in str(error.value)
    failing = EXAMPLE.replace("python hello.py", "python hallo.py")
    with pytest.raises(pytest.fail.Exception, match=r"example, line 8 ended with status 2"):
        run_blocks("example", blocks_in(failing), tmp_path)


def test_shown_output_is_compared() -> None:
    assert same_output("a 1... c\n", "a 1.5 b\nb c\n\n")
    assert not same_output("a 1... c\n", "a 2.5 c")
