"""Training in the page gives the weights of the Python program that it shows, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.layers import (
    BatchNorm2d,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    MaxPool2d,
    ReLU,
)
from playground_module import node, wasm_module
from random_graphs import RandomGraph

HERE = Path(__file__).parent
RNG = np.random.default_rng(11)
CHOICES = {
    "start": "model",
    "epochs": 3,
    "batchSize": 4,
    "learningRate": 0.003,
    "shift": False,
    "seed": 0,
}


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in {**model.parameters, **model.buffers}.items()}


def trained(model: cnnx.Model, loss: cnnx.Loss, targets: Any) -> cnnx.Model:
    """The model after a step, by which its file says how it gives probabilities."""
    x = RNG.integers(0, 256, (len(targets), *model.input_shape), dtype=np.uint8)
    cnnx.Trainer(model, loss=loss).step(x, targets)
    return model


def xo() -> cnnx.Model:
    return cnnx.models.small((32, 32, 1), ["X", "O"], seed=2)


def colourful() -> cnnx.Model:
    """A network with batch norms, dropout, a frozen layer and a normalisation per channel."""
    layers = [Conv2d(8, 3), BatchNorm2d(), ReLU(), MaxPool2d(2), Dropout(0.3), Conv2d(12, 3)]
    layers += [BatchNorm2d(), ReLU(), Flatten(), Dense(16), ReLU(), Dropout(0.5), Dense(3)]
    how = cnnx.Preprocessing("fit", (0.4, 0.45, 0.5), (0.2, 0.25, 0.3))
    model = cnnx.Model(
        layers, input_shape=(13, 17, 3), classes=["ä", "b", "C"], preprocessing=how, seed=4
    )
    model.freeze("conv2d_1")
    return model


def pointwise() -> cnnx.Model:
    layers = [Conv2d(6, 3, padding="same"), ReLU(), Conv2d(11, 1), GlobalAvgPool2d()]
    return cnnx.Model(layers, input_shape=(10, 10, 1))


def sigmoid(outputs: int) -> cnnx.Model:
    layers = [Conv2d(4, 3), ReLU(), Flatten(), Dense(outputs)]
    names = ["no", "yes"] if outputs == 1 else ["a", "b", "c"]
    model = cnnx.Model(layers, input_shape=(9, 9, 1), classes=names)
    return trained(model, cnnx.BinaryCrossEntropy(), np.eye(4, outputs))


def residual() -> cnnx.Model:
    return cnnx.models.resnet20((16, 16, 3), ["deer", "frog"], seed=1)


# A model, names of the classes to train for, and choices of the form.
CASES: dict[str, tuple[Any, list[str] | None, dict[str, Any]]] = {
    "same classes": (xo, None, {}),
    "shifted images": (xo, None, {"shift": True, "seed": 3, "batchSize": 5}),
    "other names": (xo, ["circle", "Cross"], {"learningRate": 1e-4}),
    "more classes": (xo, ["X", "O", "it's Ω", "triangle"], {"shift": True}),
    "new weights": (xo, None, {"start": "new", "seed": 9}),
    "new weights and classes": (xo, ["b", "a", "c"], {"start": "new", "seed": 2**32 - 1}),
    "batch norm, dropout, frozen": (colourful, None, {"shift": True, "seed": 6}),
    "batch norm, new classes": (colourful, ["one", "two"], {"seed": 6, "batchSize": 64}),
    "batch norm, new weights": (colourful, None, {"start": "new", "seed": 1, "shift": True}),
    "no names": (pointwise, None, {"batchSize": 7}),
    "pointwise end": (pointwise, ["p", "q", "r"], {}),
    "one sigmoid": (lambda: sigmoid(1), None, {"shift": True}),
    "one sigmoid, new weights": (lambda: sigmoid(1), None, {"start": "new", "seed": 2}),
    "sigmoids": (lambda: sigmoid(3), None, {"shift": True}),
    "sigmoids, new weights": (lambda: sigmoid(3), None, {"start": "new"}),
    "sigmoid, new classes": (lambda: sigmoid(1), ["a", "b", "c"], {}),
    "residual": (residual, None, {"epochs": 1, "shift": True}),
}
# Of the first random networks those that end in a list of numbers.
LISTS = [number for number in range(24) if len(RandomGraph(number).model().output_shape) == 1]
for number in LISTS[:8]:
    CASES[f"random network {number}"] = (
        lambda number=number: RandomGraph(number).model(),
        ["p", "q"] if number % 2 else None,
        {"start": "new" if number % 4 > 1 else "model", "shift": number > 3, "seed": number},
    )


# Runs the programs of the pages in turn, each in its folder.
RUN_PROGRAMS = """
import os, runpy, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    runpy.run_path("program.py", run_name="__main__")
"""


def prepare(case: str, folder: Path) -> None:
    """Write the model, the request and random images of a case."""
    make, names, choices = CASES[case]
    model = make()
    model.save(folder / "model.cnnx")
    names = names or model.classes or [str(k) for k in range(model.output_shape[0])]
    counts = [2 + k % 3 for k in range(len(names))]
    classes = [{"name": n, "count": c} for n, c in zip(names, counts, strict=True)]
    request = {"choices": {**CHOICES, **choices}, "classes": classes}
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    pixels = RNG.integers(0, 256, (sum(counts), *model.input_shape), dtype=np.uint8)
    (folder / "pixels.bin").write_bytes(pixels.tobytes())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of each case, with the model that the page trained and the one of its program."""
    wasm = wasm_module()
    made = {case: tmp_path_factory.mktemp("page") for case in CASES}
    for case, folder in made.items():
        prepare(case, folder)
    script = HERE / "web" / "train_in_node.mjs"
    subprocess.run([node(), script, wasm, *made.values()], check=True)
    for folder in made.values():
        with zipfile.ZipFile(folder / "images.zip") as archive:
            assert archive.testzip() is None
            archive.extractall(folder)
    environment = {**os.environ, "CNNX_ISA": "baseline"}
    program = [sys.executable, "-c", RUN_PROGRAMS, *made.values()]
    subprocess.run(program, check=True, env=environment)
    return made


@pytest.mark.parametrize("case", CASES)
def test_the_file_of_the_page_is_that_of_its_program(case: str, folders: dict[str, Path]) -> None:
    page, python = folders[case] / "trained.cnnx", folders[case] / "model-trained.cnnx"
    expected = arrays(cnnx.load(python))
    assert {
        name for name, value in arrays(cnnx.load(page)).items() if value != expected[name]
    } == set()
    assert page.read_bytes() == python.read_bytes() != (folders[case] / "model.cnnx").read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_the_images_of_the_archive_are_those_of_the_page(
    case: str, folders: dict[str, Path]
) -> None:
    folder = folders[case]
    request = json.loads((folder / "request.json").read_text("utf-8"))
    pixels = np.fromfile(folder / "pixels.bin", dtype=np.uint8)
    shape = cnnx.load(folder / "model.cnnx").input_shape
    names = [each["name"] for each in request["classes"]]
    images = cnnx.data.open_source(folder / "model-images", classes=names).load()
    counts = [each["count"] for each in request["classes"]]
    assert images.x.shape[1:] == shape
    order = np.argsort(images.y, kind="stable")  # the page's classes are not sorted
    assert images.x[order].tobytes() == pixels.tobytes()
    assert np.bincount(images.y).tolist() == counts


@pytest.mark.parametrize("case", CASES)
def test_progress_counts_steps_and_passes(case: str, folders: dict[str, Path]) -> None:
    request = json.loads((folders[case] / "request.json").read_text("utf-8"))
    done = json.loads((folders[case] / "done.json").read_text("utf-8"))
    choices, count = request["choices"], sum(each["count"] for each in request["classes"])
    batches = -(-count // choices["batchSize"])
    steps = batches * choices["epochs"]
    assert (done["steps"], done["stopped"]) == (steps, False)
    assert [each["step"] for each in done["progress"]] == list(range(1, steps + 1))
    assert [each["epoch"] for each in done["progress"]] == [1 + k // batches for k in range(steps)]
    assert all(each["loss"] >= 0 and 0 <= each["accuracy"] <= 1 for each in done["progress"])
    assert done["info"]["classes"] == [each["name"] for each in request["classes"]]
