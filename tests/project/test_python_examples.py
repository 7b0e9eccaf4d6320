"""The scripts of examples/python run as documented, print what they should, and draw a figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cpp_build import ROOT
from python_process import run_python

FOLDER = ROOT / "examples" / "python"
# Of each script: the packages it needs, and lines of its output with the least of their numbers.
EXPECTED: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "own_images": (("matplotlib", "PIL"), {r"accuracy on held-out images: ([\d.]+)%": 90}),
    "fine_tune": (
        ("matplotlib", "PIL"),
        {r"random weights: ([\d.]+)%": 50, r"fine-tuned: ([\d.]+)%": 80},
    ),
    "callbacks": (
        ("matplotlib",),
        {r"stopped after (\d+) of 60 epochs": 5, r"validation accuracy: ([\d.]+)%": 80},
    ),
    "regression": (
        ("matplotlib",),
        {r"\nof the middle: ([\d.]+) pixels": 5, r"mean distance: ([01]\.\d+) pixels": 0},
    ),
    "multi_label": (("matplotlib",), {r"both labels correct: ([\d.]+)%": 85}),
    "explain": (("matplotlib",), {r"test accuracy: ([\d.]+)%": 95}),
    "scikit_learn": (
        ("matplotlib", "sklearn"),
        {r"logistic regression: ([\d.]+)%": 90, r"CNNClassifier: ([\d.]+)%": 95},
    ),
    "batches_from_a_generator": (
        ("matplotlib",),
        {r"new images: ([\d.]+)%": 95, r"fixed images: ([\d.]+)%": 85},
    ),
}


def test_every_script_is_tested_and_listed() -> None:
    scripts = sorted(file.stem for file in FOLDER.glob("*.py"))
    assert scripts == sorted(EXPECTED)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in scripts:
        assert f"({name}.py)" in page
        assert f"(figures/{name}.png)" in page
        assert 0 < (FOLDER / "figures" / f"{name}.png").stat().st_size < 60_000


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_the_script_prints_its_result_and_draws_a_figure(name: str, tmp_path: Path) -> None:
    packages, lines = EXPECTED[name]
    for package in packages:
        pytest.importorskip(package)
    output = run_python(str(FOLDER / f"{name}.py"), str(tmp_path / "out"), MPLBACKEND="agg")
    for pattern, least in lines.items():
        found = re.search(pattern, f"\n{output}")
        assert found, output
        assert float(found[1]) >= least, output
    figure = (tmp_path / "out" / f"{name}.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    assert len(figure) < 60_000
