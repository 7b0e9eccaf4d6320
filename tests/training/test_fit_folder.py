"""Trainer.fit on a path: folders of images of any size, resized to the model's input."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from numpy.testing import assert_array_equal

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


def write_folder(folder: Path, names: tuple[str, ...] = ("dark", "light")) -> Path:
    """Six images a class, each of another size."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(6):
            shade = 60 + 120 * label + index
            image = Image.new("L", (20 + 3 * index, 30 - 2 * index), shade)
            image.paste(255 - shade, (0, 0, 9, 9))
            image.save(folder / name / f"{index}.png")
    return folder


def build(resize: str = "fit", classes: tuple[str, ...] = ("dark", "light")) -> cnnx.Model:
    layers = [cnnx.Conv2d(3, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(
        layers,
        input_shape=(12, 12, 1),
        classes=classes,
        preprocessing=cnnx.Preprocessing(resize=resize, mean=0.4, std=0.3),
    )


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
def test_fit_reads_a_folder_as_the_model_resizes(tmp_path: Path, resize: str) -> None:
    folder = write_folder(tmp_path / "images")
    by_path, by_arrays = (cnnx.Trainer(build(resize)) for _ in range(2))
    by_path.fit(folder, epochs=2, batch_size=5)
    data = cnnx.data.load(folder, input_shape=(12, 12, 1), resize=resize)
    by_arrays.fit(data.x, data.y, epochs=2, batch_size=5)
    for name, values in by_path.model.parameters.items():
        assert_array_equal(values, by_arrays.model.parameters[name])
    other = cnnx.data.load(folder, input_shape=(12, 12, 1), resize="stretch")
    assert np.array_equal(other.x, data.x) == (resize == "stretch")


def test_fit_takes_the_labels_in_the_order_of_the_models_classes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    turned = cnnx.Trainer(build(classes=("light", "dark")))
    turned.fit(str(folder), epochs=1)
    data = cnnx.data.load(folder, input_shape=(12, 12, 1), resize="fit")
    expected = cnnx.Trainer(build(classes=("light", "dark")))
    expected.fit(data.x, 1 - data.y, epochs=1)
    weights = turned.model.parameters["dense_1.weight"]
    assert_array_equal(weights, expected.model.parameters["dense_1.weight"])


def test_fit_measures_on_the_validation_folder_beside_train(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "validation")
    history = cnnx.Trainer(build()).fit(tmp_path, epochs=1)
    assert len(history.validation_accuracy) == 1


def test_fit_reports_missing_parts_of_a_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", ("dark", "green"))
    with pytest.raises(ValueError, match="green"):
        cnnx.Trainer(build()).fit(folder, epochs=1)
    with pytest.raises(OSError, match="nothing"):
        cnnx.Trainer(build()).fit(tmp_path / "nothing", epochs=1)


def test_classes_of_a_folder_and_outputs_of_a_model_without_names_are_compared(
    tmp_path: Path,
) -> None:
    folder = write_folder(tmp_path, ("dark", "grey", "light"))

    def model_of(outputs: int) -> cnnx.Model:
        return cnnx.Model([cnnx.Flatten(), cnnx.Dense(outputs)], input_shape=(6, 6, 1))

    sentence = "the data set has the classes dark, grey, light, but the model has {} outputs, .*: "
    remedy = r"model\.with_classes\(\['dark', 'grey', 'light'\]\)$"
    with pytest.raises(ValueError, match="^fit: " + sentence.format(2) + remedy):
        cnnx.Trainer(model_of(2)).fit(folder, epochs=1)
    with pytest.warns(cnnx.Warning, match="^fit: " + sentence.format(4) + remedy):
        cnnx.Trainer(model_of(4)).fit(folder, epochs=1)
    with pytest.warns(cnnx.Warning, match="^evaluate: " + sentence.format(4) + remedy):
        cnnx.evaluation.evaluate(model_of(4), folder)
    cnnx.Trainer(model_of(3)).fit(folder, epochs=1)  # a warning would be an error
