"""The scripts of examples/python run as documented, print what they should, and draw a figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cpp_build import ROOT
from example_results import EXPECTED, check_results
from python_process import run_python

FOLDER = ROOT / "examples" / "python"


def test_every_script_is_tested_and_listed() -> None:
    scripts = sorted(file.stem for file in FOLDER.glob("*.py"))
    assert scripts == sorted(EXPECTED)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in scripts:
        assert f"({name}.py)" in page
        assert re.search(rf"!\[\w[^]]+\]\(figures/{name}\.png\)", page), f"{name} needs an alt text"
        assert 0 < (FOLDER / "figures" / f"{name}.png").stat().st_size < 60_000


@pytest.mark.parametrize("name", EXPECTED)
def test_the_script_has_the_form_of_the_gallery(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    title = re.match(r'"""\n(.+)\n(=+)\n\n', text)
    assert title, "expected an underlined title"
    assert len(title[1]) == len(title[2])
    assert text.count("\n# %%\n# ") >= 2, "expected prose between cells of code"
    # Saved at the end: the gallery shows the figures that the last cell leaves open.
    assert text.endswith(f'figure.savefig(out / "{name}.png", dpi=72)\n')


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_the_script_prints_its_result_and_draws_a_figure(name: str, tmp_path: Path) -> None:
    packages, _ = EXPECTED[name]
    for package in ("matplotlib", *packages):
        pytest.importorskip(package)
    out = tmp_path / "out"
    output = run_python(str(FOLDER / f"{name}.py"), str(out), MPLBACKEND="agg")
    check_results(name, output, out / f"{name}.png")
