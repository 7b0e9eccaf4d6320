"""The programs of some pages leave what the pages say that they leave."""

from __future__ import annotations

import re
from collections.abc import Callable

import cnnx
import pytest
from document_blocks import blocks_of
from document_pages import PageRun

Run = Callable[[str], PageRun]


def output_of(run: PageRun, language: str, ordinal: int = 0) -> str:
    """The output of a page's block of this language."""
    outputs = [
        output
        for step, output in zip(run.steps, run.outputs, strict=True)
        if step.language == language
    ]
    return outputs[ordinal]


def test_the_program_of_the_readme_trains_a_classifier_of_digits(page_run: Run) -> None:
    run = page_run("README.md")
    found = re.match(r"\{'loss': .*, 'accuracy': ([\d.]+)", output_of(run, "python"))
    assert found is not None
    assert cnnx.load(run.folder / "digits.cnnx").classes == list("0123456789")


def test_a_fine_tuned_model_has_the_new_classes_and_size(page_run: Run) -> None:
    model = cnnx.load(page_run("docs/fine-tuning.md").folder / "pets.cnnx")
    assert (model.classes, model.input_shape) == (["cat", "dog"], (96, 96, 3))


def test_the_graph_on_the_page_on_notebooks_is_the_printed_one(page_run: Run) -> None:
    (graph,) = (each for each in blocks_of("docs/notebooks.md") if each.language == "mermaid")
    assert output_of(page_run("docs/notebooks.md"), "python") == graph.text


def test_an_exported_model_comes_back_from_onnx(page_run: Run) -> None:
    folder = page_run("docs/exchange.md").folder
    before, after = (cnnx.load(folder / name) for name in ("digits.cnnx", "network.cnnx"))
    assert after.classes == before.classes


def test_onnx_runtime_predicts_an_image_file_as_cnnx_does(page_run: Run) -> None:
    run = page_run("docs/exchange.md")
    model = cnnx.load(run.folder / "digits.cnnx")
    image = run.folder / "image.png"
    label, probability = output_of(run, "python").split()
    assert label == model.predict(image)
    assert float(probability) == pytest.approx(model.predict_proba(image).max(), abs=1e-5)


@pytest.mark.slow
def test_the_search_of_the_page_on_scikit_learn_finds_a_good_model(page_run: Run) -> None:
    run = page_run("docs/sklearn.md")
    assert float(output_of(run, "python")) > 0.97
    assert cnnx.load(run.folder / "digits.cnnx").input_shape == (8, 8, 1)
