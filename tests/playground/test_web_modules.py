"""The tests of the playground's modules in JavaScript, in Node's test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playground_module import node

FILES = sorted((Path(__file__).parent / "web").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_module_passes(file: Path) -> None:
    run = [node(), "--test", "--test-reporter=tap", file]
    ended = subprocess.run(run, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "\n# pass 0\n" not in ended.stdout
