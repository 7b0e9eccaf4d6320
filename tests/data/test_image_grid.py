"""Grids of images: the right images of every class, variants as in training, figures and pages."""

from __future__ import annotations

import base64
import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cnnx.data import Augmentation, Dataset, xo
from cnnx.data.augmentation_grid import augmentation_grid
from cnnx.data.image_grid import small

X = np.random.default_rng(7).integers(0, 256, (30, 6, 8, 3)).astype(np.uint8)
Y = np.arange(30) % 3
TEST = Dataset(X[:4], Y[:4], 3)
DATASET = Dataset(X, Y, ("a <b>", "dog", "cat"), test=TEST, skipped=("x.png",))


def strips(page: str) -> list[np.ndarray]:
    """Pixels of the images of a page."""
    from PIL import Image

    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r"base64,([^\"]+)", page)
    ]


def test_a_notebook_shows_the_first_images_of_every_class() -> None:
    page = DATASET._repr_html_() or ""
    found = strips(page)
    assert len(found) == 3
    for label, strip in enumerate(found):
        first = X[label == Y][:8]
        assert strip.shape == (6, 8 * 10 - 2, 4)
        for k, pixels in enumerate(first):
            np.testing.assert_array_equal(strip[:, 10 * k : 10 * k + 8, :3], pixels)
        assert (strip[..., 3] == 255).sum() == 6 * 64  # the gaps are transparent
    assert "a &lt;b&gt;: 10 images" in page
    assert "30 images of 6x8x3, 3 classes" in page.replace("\N{MULTIPLICATION SIGN}", "x")
    assert "test set of 4 images; 1 unreadable file skipped" in page
    assert page == DATASET._repr_html_()


def test_a_data_set_is_short_at_the_prompt() -> None:
    assert repr(TEST).replace("\N{MULTIPLICATION SIGN}", "x") == (
        "Dataset(4 images of 6x8x3, 3 classes)"
    )
    assert repr(Dataset(X[:1, ..., :1], Y[:1], 1, validation=TEST)).endswith(
        "1, 1 class; validation set of 4 images)"
    )
    assert Dataset(np.zeros((2, 6, 8)), Y[:2], 3)._repr_html_() is None  # type: ignore[arg-type]


def test_many_classes_are_cut_off_and_empty_ones_have_no_image() -> None:
    page = Dataset(X, Y, 25)._repr_html_() or ""
    assert "25 classes; the first 20 classes are shown" in page
    assert len(strips(page)) == 3
    assert "19: 0 images" in page
    assert "20: " not in page


def test_large_images_become_small_in_proportion() -> None:
    images = np.full((2, 300, 150, 1), 9, np.uint8)
    assert small(images).shape == (2, 96, 48, 1)
    assert (small(images) == 9).all()
    assert small(X) is X


def test_variants_are_those_of_training() -> None:
    images = xo(10, seed=3)[0]
    augmentation = Augmentation(rotate=30, shift=2)
    grid = augmentation_grid(augmentation, images, range(4, 6), 5)
    assert grid.sentence == "Original, and variants of epochs 4 to 5 with seed 5"
    assert len(grid.rows) == 8
    expected = [images, *(augmentation.apply(images, epoch=each, seed=5) * 255 for each in (4, 5))]
    for k, row in enumerate(grid.rows):
        for shown, whole in zip(row.images, expected, strict=True):
            np.testing.assert_allclose(shown, whole[k], atol=0.5001)


def test_floats_have_the_pixels_of_their_bytes() -> None:
    images = xo(2, seed=3)[0]
    grid = augmentation_grid(Augmentation(), np.float32(images / 255), range(1), 0)
    for row, pixels in zip(grid.rows, images, strict=True):
        np.testing.assert_array_equal(row.images, np.stack([pixels, pixels]))


MASKS = np.random.default_rng(8).integers(0, 3, (30, 6, 8)).astype(np.uint8)


def overlaid(pixels: Any, masks: Any) -> Any:
    """Colours of PASCAL VOC over the images, and nothing over label 0."""
    colours = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]])[masks]
    return np.where(masks[..., None] > 0, 0.4 * pixels + 0.6 * colours, pixels)


def test_masks_are_drawn_over_their_images() -> None:
    masks = np.where(np.arange(30)[:, None, None] < 20, 2 * (MASKS > 1), MASKS).astype(np.uint8)
    page = Dataset(X, masks, ("ground", "car", "tree"))._repr_html_() or ""
    assert "car: 10 images" in page
    car = strips(page)[1]
    for k in range(8):
        expected = overlaid(X[20 + k], masks[20 + k])
        np.testing.assert_allclose(car[:, 10 * k : 10 * k + 8, :3], expected, atol=0.5001)


def test_variants_of_masks_are_drawn_over_those_of_images() -> None:
    augmentation = Augmentation(rotate=30, shift=2)
    grid = augmentation_grid(augmentation, X, range(4, 6), 5, MASKS)
    changed = [augmentation.apply(X, epoch=each, seed=5) * 255 for each in (4, 5)]
    moved = [augmentation.apply_masks(MASKS, epoch=each, seed=5) for each in (4, 5)]
    for k, row in enumerate(grid.rows):
        for shown, x, y in zip(row.images, [X, *changed], [MASKS, *moved], strict=True):
            np.testing.assert_allclose(shown, overlaid(x[k], y[k]), atol=1.0001)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Augmentation().show(X, MASKS[:2]), r"show: masks has shape \(2, 6, 8\), expected"),
        (
            lambda: Augmentation().show(X, MASKS[0]),
            r"show: masks has shape \(6, 8\), expected a label",
        ),
        (lambda: DATASET.show(0), "show: per_class is 0, expected an integer >= 1"),
        (lambda: Augmentation().show(X, variants=0), "show: variants is 0, expected an integer"),
        (lambda: Augmentation().show(X, epoch=-1), "show: epoch is -1, expected an integer"),
        (lambda: Augmentation().show(X, seed=-1), "apply: seed is -1, expected an integer"),
        (lambda: Augmentation().show(X[0]), r"show: x has shape \(6, 8, 3\), expected \(batch"),
        (lambda: Augmentation().show(X[:0]), r"show: x has shape \(0, 6, 8, 3\), expected"),
    ],
)
def test_refusals(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_script_gets_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib: install the extra cli")
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure = DATASET.show(4)
    assert figure is not None
    assert len(figure.axes) == 12
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), X[3])
    assert figure.axes[0].texts[0].get_text() == "a <b>: 10 images"
    figure = Augmentation(flip="random").show(X, variants=2)
    assert figure is not None
    assert len(figure.axes) == 8 * 3
    assert pyplot.get_fignums() == []


def test_without_matplotlib_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"show: needs the package matplotlib.*pip install"):
        DATASET.show()


def test_a_notebook_displays_at_once_and_returns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    module = SimpleNamespace(display=lambda value, display_id: shown.append(value._repr_html_()))
    monkeypatch.setitem(sys.modules, "IPython.display", module)  # type: ignore[arg-type]
    assert DATASET.show(2) is None
    assert strips(shown[0])[0].shape == (6, 18, 4)
    assert Augmentation().show(X[:3], variants=4) is None
    assert len(strips(shown[1])) == 3
