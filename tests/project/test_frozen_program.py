"""A program that PyInstaller froze has all of cnnx, and trains and predicts as its script does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cnnx.playground.wasm_module import WASM_MODULE
from cpp_build import run

pytest.importorskip("PyInstaller", reason="needs PyInstaller, which `.ci/run extras` installs")

SCRIPT = """\
import cnnx

for name in cnnx.__all__:
    getattr(cnnx, name)
x, y = cnnx.data.xo(256, seed=1)
model = cnnx.models.small((32, 32, 1), ["X", "O"])
cnnx.Trainer(model).fit(x, y, epochs=1)
model.save("xo.cnnx")
cnnx.report.write("report.html", model, (x, y))
print(*cnnx.load("xo.cnnx")(x[:8]).ravel())
"""
PLAYGROUND = 'cnnx.playground.write("playground.html", model)\n'


@pytest.mark.slow
def test_a_frozen_program_trains_and_predicts_as_its_script_does(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(SCRIPT + PLAYGROUND if WASM_MODULE.exists() else SCRIPT, encoding="utf-8")
    options = ["--log-level=ERROR", "--specpath", tmp_path, "--workpath", tmp_path / "build"]
    bundle = tmp_path / "bundle"
    run([sys.executable, "-m", "PyInstaller", *options, "--distpath", bundle, script])

    frozen, plain = tmp_path / "frozen", tmp_path / "plain"
    frozen.mkdir()
    plain.mkdir()
    without_environment = ["env", "--ignore-environment"]
    printed = run([*without_environment, bundle / "program" / "program"], cwd=frozen)
    assert printed == run([sys.executable, script], cwd=plain)
    names = sorted(path.name for path in frozen.iterdir())
    assert names == sorted(path.name for path in plain.iterdir())
    assert (frozen / "xo.cnnx").read_bytes() == (plain / "xo.cnnx").read_bytes()
    (package,) = [path.parent for path in bundle.rglob("cnnx/__init__.pyi")]
    beside, inside = ({path.name for path in each.iterdir()} for each in (package.parent, package))
    assert "numpy" in beside
    assert not {"matplotlib", "pandas", "sklearn"} & beside
    assert "include" not in inside
