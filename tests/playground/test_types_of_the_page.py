"""TypeScript's checker on the JavaScript of the playground, whose types are in its comments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cnnx
import npm_packages
import pytest

pytestmark = pytest.mark.slow

WEB = Path(cnnx.__file__).parent / "playground" / "web"
OPTIONS = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--noUnusedLocals", "--noImplicitReturns"),
    *("--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler", "--types", ""),
)
# A worker has other global names than a page.
LIBRARIES = {"page": "es2022,dom,dom.iterable", "worker": "es2022,webworker"}


def complaints(place: str, *files: Path) -> str:
    """What the checker says of files of a page or a worker."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node, which runs TypeScript's checker, is not installed")
    checker = npm_packages.npm_package("typescript") / "bin" / "tsc"
    command = [node, checker, *OPTIONS, "--lib", LIBRARIES[place], *files]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (finished.returncode == 0) == (finished.stdout == ""), finished.stderr
    return finished.stdout


def test_the_files_of_the_page_have_types_without_contradiction() -> None:
    files = sorted(path for path in WEB.glob("*.js") if path.name != "worker.js")
    assert files
    assert complaints("page", *files) == ""


def test_the_worker_has_types_without_contradiction() -> None:
    assert complaints("worker", WEB / "worker.js") == ""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('two.toFixed("digits")', "TS2345"),
        ("two.length", "TS2339"),
        ("document.body", "TS2584"),
    ],
)
def test_contradictions_are_found(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "wrong.js"
    path.write_text(f"/** @param {{number}} two */\nexport const f = (two) => {line};\n")
    assert complaint in complaints("worker", path)
