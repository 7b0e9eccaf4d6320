"""Predictions and trainings in a browser: the same bits as in Python with CNNX_ISA=baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import playground_models
import playground_tab
import pytest
from browser_tab import Tab
from instruction_sets import SUPPORT, run_python
from playground_models import Playgrounds

pytestmark = pytest.mark.slow


def in_baseline(*words: object) -> None:
    """Run `playground_baseline.py`."""
    script = SUPPORT / "playground_baseline.py"
    finished = run_python("baseline", str(script), *map(str, words))
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("name", "count"),
    [("demo_model", 200), ("lenet5", 200), ("batch_norm", 20), ("colours", 20), ("resnet20", 5)],
)
def test_probabilities_have_the_bits_of_python(
    tab: Tab, playground: Playgrounds, tmp_path: Path, name: str, count: int
) -> None:
    files = playground(name)
    shape = cnnx.load(files.model).input_shape
    images = playground_models.random_images(shape, count)
    np.save(tmp_path / "images.npy", images)
    in_baseline("predict", files.model, tmp_path / "images.npy", tmp_path / "expected.npy")
    expected = np.load(tmp_path / "expected.npy")
    assert expected.dtype == np.float32
    assert len(np.unique(expected[:, 0])) > count / 2

    playground_tab.open_playground(tab, files.page)
    assert playground_tab.probabilities(tab, images) == expected.tobytes()


def test_200_steps_reach_95_percent_with_the_weights_of_python(
    tab: Tab, playground: Playgrounds, tmp_path: Path
) -> None:
    x, y = cnnx.data.xo(1280, seed=3)
    settings = {"start": "new", "epochs": 5, "batchSize": 32, "learningRate": 0.003}
    settings |= {"shift": True, "seed": 5, "classes": ["X", "O"]}
    done, model = trained_twice(tab, playground, tmp_path, "demo_model", (x, y), settings)
    assert done["steps"] == 200
    assert [each["step"] for each in done["progress"]][-1] == 200
    assert done["accuracy"] >= 0.95
    new_x, new_y = cnnx.data.xo(500, seed=4)
    assert (model.predict_proba(new_x).argmax(axis=1) == new_y).mean() >= 0.95


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lenet5", {"start": "model", "classes": ["cat", "dog", "é"], "shift": False}),
        ("batch_norm", {"start": "model", "classes": ["X", "O"], "shift": True}),
        ("batch_norm", {"start": "new", "classes": ["a", "b", "c", "d"], "shift": False}),
        ("colours", {"start": "model", "classes": playground_models.COLOURS, "shift": True}),
    ],
)
def test_a_training_has_the_weights_of_python(
    tab: Tab, playground: Playgrounds, tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    shape = cnnx.load(playground(name).model).input_shape
    images = playground_models.random_images(shape, 22, seed=7)
    labels = np.arange(22) % len(settings["classes"])
    settings = {"epochs": 2, "batchSize": 8, "learningRate": 0.001, "seed": 11, **settings}
    done, _ = trained_twice(tab, playground, tmp_path, name, (images, labels), settings)
    assert done["steps"] == 6  # the last batch of an epoch is smaller
    assert done["info"]["classes"] == settings["classes"]


def trained_twice(
    tab: Tab,
    playground: Playgrounds,
    folder: Path,
    name: str,
    samples: tuple[Any, Any],
    settings: dict[str, Any],
) -> tuple[dict[str, Any], cnnx.Model]:
    """Train in the page and in Python, and compare; what the page says, and its saved model."""
    files = playground(name)
    np.savez(folder / "samples.npz", x=samples[0], y=samples[1])
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    words = (files.model, folder / "samples.npz", folder / "settings.json")
    in_baseline("train", *words, folder / "expected.cnnx")

    playground_tab.open_playground(tab, files.page)
    done = playground_tab.train(tab, *samples, settings)
    saved = folder / "saved.cnnx"
    saved.write_bytes(playground_tab.saved_model(tab))
    model, expected = cnnx.load(saved), cnnx.load(folder / "expected.cnnx")
    assert list(model.classes or ()) == settings["classes"]
    for arrays, others in (
        (model.parameters, expected.parameters),
        (model.buffers, expected.buffers),
    ):
        assert list(arrays) == list(others)
        for each in arrays:
            assert arrays[each].tobytes() == others[each].tobytes(), each
    return done, model


def test_a_saved_model_opens_in_python_as_it_was(
    tab: Tab, playground: Playgrounds, tmp_path: Path
) -> None:
    files = playground("colours")
    playground_tab.open_playground(tab, files.page)
    saved = tmp_path / "saved.cnnx"
    saved.write_bytes(playground_tab.saved_model(tab))
    model, original = cnnx.load(saved), cnnx.load(files.model)
    assert model.preprocessing == original.preprocessing
    assert model.classes == original.classes
    images = playground_models.random_images(original.input_shape, 5)
    assert model.predict_proba(images).tobytes() == original.predict_proba(images).tobytes()
