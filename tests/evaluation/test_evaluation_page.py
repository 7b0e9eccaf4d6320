"""An evaluation in a notebook and in a page: what is shown where, and how large it may become."""

from __future__ import annotations

import numpy as np
import svg_charts
from cnnx.drawing.png import reduced
from cnnx.evaluation import Evaluation
from cnnx.evaluation.page import evaluation_page
from page_parts import sections

RANDOM = np.random.default_rng(4)


def random_evaluation(classes: int, images: int, side: int = 8) -> Evaluation:
    return Evaluation(
        RANDOM.dirichlet(np.full(classes, 0.3), images),
        RANDOM.integers(0, classes, images),
        classes,
        images=RANDOM.integers(0, 256, (images, side, side, 3), np.uint8),
    )


def test_a_notebook_shows_totals_and_confusions() -> None:
    evaluation = random_evaluation(3, 50)
    shown = evaluation._repr_html_()
    assert f"{evaluation.accuracy:.2%}" in shown
    chart = shown[shown.index("<svg") : shown.index("</svg>") + len("</svg>")]
    assert svg_charts.cells(chart) == evaluation.confusion_matrix.ravel().tolist()


def test_a_page_without_mistakes_has_no_sections_of_mistakes() -> None:
    perfect = Evaluation(np.eye(3), [0, 1, 2])
    found = sections(evaluation_page(perfect, "Title", "Introduction"))
    assert list(found) == ["totals", "classes", "confusion-matrix", "calibration"]


def test_two_classes_with_one_of_them_missing_have_a_page() -> None:
    for labels in ([0, 0], [1, 1]):
        page = evaluation_page(Evaluation([[0.9, 0.1], [0.4, 0.6]], labels), "Title", "A sentence")
        assert "thresholds" in sections(page)


def test_pages_of_many_classes_and_of_photos_stay_small() -> None:
    assert len(evaluation_page(random_evaluation(1000, 500), "Title", "A sentence")) < 1.5e6
    assert len(evaluation_page(random_evaluation(5, 60, 300), "Title", "A sentence")) < 3e6


def test_reduced_pixels_are_means_of_squares() -> None:
    pixels = RANDOM.integers(0, 256, (7, 10, 3), np.uint8)
    small = reduced(pixels, 5)
    assert small.shape == (3, 5, 3)
    assert abs(int(small[1, 2, 0]) - pixels[2:4, 4:6, 0].mean()) <= 0.5
    assert reduced(pixels, 10) is pixels
    assert reduced(np.zeros((300, 1, 1), np.uint8), 96).shape == (75, 1, 1)
