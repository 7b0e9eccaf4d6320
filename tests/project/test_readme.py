"""The README is short, its commands are those that CI runs, and no link of a document is broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cpp_build import ROOT
from document_blocks import blocks_of, pages

DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / page for page in pages())})


def test_the_two_commands_are_those_that_ci_runs() -> None:
    commands = [line for block in blocks_of("README.md") for line in block.lines]
    for extras, program in (("cli", "cnnx demo"), ("cli,test", "python -m pytest")):
        setup = f"python3 -m venv .venv && .venv/bin/pip install '.[{extras}]'"
        assert f"{setup} && .venv/bin/{program}" in commands


def test_the_readme_is_short_and_links_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 140
    own = {page for page in pages() if page.startswith("docs/")} - {"docs/index.md"}
    linked = set(re.findall(r"\]\((docs/[\w/.-]+\.md)", text))
    assert {page for page in own if not page.startswith("docs/reference/")} <= linked


def test_the_python_program_is_twelve_lines() -> None:
    program = next(block for block in blocks_of("README.md") if block.language == "python")
    assert len([line for line in program.text.splitlines() if line]) <= 12


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", prose)
    broken = [
        target
        for target in targets
        if not target.startswith("https://") and not (document.parent / target).exists()
    ]
    assert broken == []
