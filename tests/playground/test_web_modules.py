"""The tests of the playground's modules in JavaScript, in Node's test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cnnx.playground.wasm_module import WASM_MODULE
from cpp_build import inherited_environment
from playground_module import node

FILES = sorted((Path(__file__).parent / "web").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.beside
def test_the_module_passes(file: Path) -> None:
    run = [node(), "--test", "--test-reporter=tap", file]
    environment = {**inherited_environment(), "CNNX_WASM_MODULE": str(WASM_MODULE)}
    ended = subprocess.run(run, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stdout
    assert "\n# tests 0\n" not in ended.stdout
