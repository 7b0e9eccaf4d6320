"""cnnx.models: the shapes, sizes and classes of the ready-made networks, and that they learn."""

from __future__ import annotations

from collections.abc import Callable

import cnnx
import numpy as np
import pytest
from cnnx import models


def test_lenet5_is_the_network_of_the_article_with_todays_layers() -> None:
    model = models.lenet5()
    assert model.input_shape == (28, 28, 1)
    assert model.classes is None
    assert sum(array.size for array in model.parameters.values()) == 61_706
    assert model(np.zeros((2, 28, 28, 1), np.float32)).shape == (2, 10)


def test_small_tells_x_from_o_by_default() -> None:
    model = models.small()
    assert model.input_shape == (32, 32, 1)
    assert model.classes == ["X", "O"]
    assert set(model.predict(cnnx.data.xo(8)[0])) <= {"X", "O"}


@pytest.mark.parametrize("build", [models.small, models.lenet5])
@pytest.mark.parametrize("shape", [(16, 16, 1), (16, 24, 3), (33, 29, 3)])
def test_they_fit_pictures_of_other_sizes_and_classes(
    build: Callable[..., cnnx.Model], shape: tuple[int, int, int]
) -> None:
    names = ["ant", "bee", "cow"]
    for classes in (3, names):
        model = build(shape, classes, seed=1)
        assert model(np.zeros((2, *shape), np.float32)).shape == (2, 3)
        assert model.classes == (None if classes == 3 else names)


@pytest.mark.parametrize("build", [models.small, models.lenet5])
def test_the_seed_draws_the_weights(build: Callable[..., cnnx.Model]) -> None:
    shape = (16, 16, 1)
    first, again, other = (build(shape, 2, seed=seed) for seed in (3, 3, 4))
    x = cnnx.data.xo(4, size=16)[0]
    np.testing.assert_array_equal(first(x), again(x))
    assert not np.array_equal(first(x), other(x))


def test_small_learns_x_from_o() -> None:
    x, y = cnnx.data.xo(3000, seed=1)
    unseen = cnnx.data.xo(500, seed=2)
    trainer = cnnx.Trainer(models.small(seed=1), optimizer=cnnx.Adam(2e-3), seed=1)
    trainer.fit(x, y, epochs=4, batch_size=32)
    assert trainer.evaluate(*unseen)["accuracy"] > 0.95
