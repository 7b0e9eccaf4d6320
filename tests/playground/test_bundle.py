"""Modules of JavaScript become one script, and forms that the bundler cannot join are refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cnnx.playground
import pytest
from cnnx.playground.bundle import bundle

WEB = Path(cnnx.playground.__file__).parent / "web"


def write(folder: Path, **modules: str) -> Path:
    """Modules named by keywords; the first one is the entry."""
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(modules))}.js"


def test_a_module_comes_after_those_that_it_imports_once(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { two } from "./b.js";\nimport {\n  one,\n} from "./a.js";\nuse(one, two);\n',
        b='import { one } from "./a.js";\nexport const two = one + 1;\n',
        a="export const one = 1;\nexport async function later() {}\n",
    )
    assert bundle(entry) == (
        "const one = 1;\nasync function later() {}\n\nconst two = one + 1;\n\nuse(one, two);\n"
    )


@pytest.mark.parametrize(
    ("modules", "sentence"),
    [
        ({"main": 'import x from "./a.js";\n', "a": ""}, "main.js: 'import x from"),
        ({"main": "export default 1;\n"}, "main.js: 'export default 1;', expected import"),
        (
            {"main": 'import { a } from "./a.js";\nconst one = 1;\n', "a": "class one {}\n"},
            "a.js and main.js both declare one",
        ),
        (
            {"main": 'import { a } from "./a.js";\n', "a": 'import { b } from "./main.js";\n'},
            "modules import each other: main.js -> a.js -> main.js",
        ),
        ({"main": 'const end = "</SCRIPT>";\n'}, "a module of main.js contains </script or <!--"),
    ],
)
def test_a_form_that_cannot_be_joined(
    modules: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    entry = write(tmp_path, **modules)
    with pytest.raises(ValueError, match="^" + sentence.replace(".", r"\.")):
        bundle(entry)


@pytest.mark.parametrize("entry", ["main.js", "worker.js"])
def test_the_scripts_of_the_page_are_valid(entry: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = tmp_path / "script.mjs"
    script.write_text(bundle(WEB / entry), encoding="utf-8")
    checked = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
