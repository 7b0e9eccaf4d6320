"""Pages that walk an image through a network: every stage, and numbers that add up."""

from __future__ import annotations

import html
import html.parser
import re
from typing import Any

import cnnx
import numpy as np
import pytest
import quantized_networks
from cnnx.explain import walkthrough
from cnnx.explain.layer_texts import by
from cnnx.explain.methods import METHODS
from graph_networks import with_random_values
from planted_patch import network, planted, trained
from random_graphs import SEEDS, RandomGraph


class Grids(html.parser.HTMLParser):
    """The numbers of the grids of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.grids: list[list[list[float]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("img", "meta", "rect", "image"):
            self._inside.append(f"{tag} {dict(attributes).get('class', '')}")
        if tag == "table" and ("class", "grid") in attributes:
            self.grids.append([])
        elif tag == "tr" and "table grid" in self._inside:
            self.grids[-1].append([])

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1].split(" ")[0] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if "table grid" in self._inside:
            self.grids[-1][-1].append(float(data))
        elif self._inside and not self._inside[-1].startswith("style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def image_of(model: cnnx.Model) -> Any:
    return np.random.default_rng(3).random(model.input_shape, np.float32)


def numbers(text: str) -> list[float]:
    """In order; a minus with a space behind it belongs to the number, too."""
    return [float(each.replace(" ", "")) for each in re.findall(r"(?:- ?)?\d+\.\d+", text)]


def test_the_page_of_a_trained_network() -> None:
    page = walkthrough(trained(), planted(1, 1).images[0], name="one <image>")
    text = Grids(page).text
    assert "<title>How the network sees one &lt;image&gt;</title>" in page
    label = trained().predict(planted(1, 1).images)[0]
    assert f"The network says {label}, with a probability of" in text
    headings = [html.unescape(each) for each in re.findall("<h2>(.*?)</h2>", page)]
    assert headings == [
        "The image",
        "The network",
        f"1. 8 filters of {by(3, 3)}, ReLU, max pooling",
        f"2. 16 filters of {by(3, 3)}, ReLU",
        "3. The mean of every map",
        "4. The vote",
        "The result",
        "Where the network looked",
    ]
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|url\(|@import|<script", page)
    for layer in trained().layers:
        assert layer.name in text


def test_printed_numbers_add_up() -> None:
    """Window times filter is the products, their sum the printed one, and the sums the result."""
    layers = [
        *(cnnx.Conv2d(6, 3, padding="same"), cnnx.BatchNorm2d(), cnnx.ReLU()),
        *(cnnx.Conv2d(6, 3, stride=2, groups=2), cnnx.BatchNorm2d(), cnnx.ReLU()),
        *(cnnx.Conv2d(4, 3, padding=1), cnnx.BatchNorm2d(), cnnx.ReLU()),
        *(cnnx.Flatten(), cnnx.Dense(3)),
    ]
    model = with_random_values(cnnx.Model(layers, input_shape=(9, 11, 3), seed=2))
    x = image_of(model)
    read = Grids(walkthrough(model, x))
    assert len(read.grids) == 3 * (3 + 3 + 3)
    assert read.text.count("(the other 3 maps)") == 1
    sums = [numbers(each)[0] for each in read.words if each.startswith("add: ")]
    for k, added in enumerate(sums):
        window, weights, products = map(np.array, read.grids[3 * k : 3 * k + 3])
        np.testing.assert_allclose(window * weights, products, atol=0.02)
        assert products.sum() == pytest.approx(added, abs=0.02)
    outputs = model.layer_outputs(x)
    totals = re.findall(r"Sum: (.*?) = (-?[\d.]+)", read.text)
    convolutions = [layer.name for layer in model.layers if layer.kind == "conv2d"]
    for (terms, result), convolution in zip(totals, convolutions, strict=True):
        assert sum(numbers(terms)) == pytest.approx(float(result), abs=0.02)
        norm = outputs[convolution.replace("conv2d", "relu")]
        strongest = np.unravel_index(norm.argmax(), norm.shape)
        assert float(result) == pytest.approx(outputs[convolution][strongest], abs=1e-3)
    for norm in re.findall(r"Batch norm: (.*?) = (-?[\d.]+)", read.text):
        value, shift, deviation, weight, bias = numbers(norm[0])
        expected = (value + shift) / deviation * weight + bias
        assert expected == pytest.approx(float(norm[1]), abs=0.02)


def test_a_filter_of_a_single_map_needs_no_sum_over_maps() -> None:
    layers = [cnnx.Conv2d(6, 3, groups=3, bias=False), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(6, 6, 3))
    x = image_of(model)
    largest = model.layer_outputs(x)["conv2d_1"].max()
    words = Grids(walkthrough(model, x)).words
    result = words[words.index(": of the products = ") + 1]
    assert float(result) == pytest.approx(largest, abs=1e-3)


def test_votes_add_up_to_the_score_and_scores_to_probabilities() -> None:
    model = cnnx.models.small((32, 32, 1), 7, seed=3)
    x = image_of(model)
    probabilities, scores = model.predict_proba(x), model(x)
    model.temperature = 1.5
    calibrated = re.findall(r'<section id="result">(.*?)</section>', walkthrough(model, x))[0]
    assert "temperature, 1.5, which fits" in calibrated
    assert f"{model.predict_proba(x).max():.2%}" in calibrated
    best = scores / np.float32(1.5)
    second = np.exp(best - best.max())[np.argsort(-best)[1]]
    assert f">{second:.4f}<" in calibrated
    model.temperature = 1
    page = walkthrough(model, x, classes=2)
    vote = re.findall(r'<section id="stage-5">(.*?)</section>', page)[0]
    rows = [numbers(" ".join(Grids(row).words)) for row in re.findall("<tr>.*?</tr>", vote)][1:]
    products, score = [row[-1] for row in rows[:-1]], rows[-1][-1]
    assert sum(products) == pytest.approx(score, abs=0.01)
    assert score == pytest.approx(scores[2], abs=1e-3)
    result = re.findall(r'<section id="result">(.*?)</section>', page)[0]
    shown = [float(each) / 100 for each in re.findall(r">([\d.]+)%<", result)]
    order = np.argsort(-probabilities)[:5]
    np.testing.assert_allclose(shown[:5], probabilities[order], atol=1e-4)
    assert sum(shown) == pytest.approx(1, abs=1e-3)
    assert f"This page explains 2, which gets {probabilities[2]:.1%}." in Grids(page).text


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow if seed >= 20 else ()) for seed in SEEDS]
)
def test_graphs_of_every_kind_of_layer_have_a_page(seed: int) -> None:
    model = RandomGraph(seed).model()
    if len(model.output_shape) != 1:
        model = cnnx.Model([*model.layers, cnnx.GlobalAvgPool2d()], input_shape=model.input_shape)
    text = Grids(walkthrough(model, image_of(model))).text
    assert all(layer.name in text for layer in model.layers)


def test_a_residual_network_names_its_shortcuts() -> None:
    model = cnnx.models.resnet20()
    page = walkthrough(model, image_of(model))
    assert page == walkthrough(model, image_of(model))
    assert "takes a shortcut past the 2 stages between" in Grids(page).text
    assert len(page) < 1.5e6


@pytest.mark.parametrize(
    "last", [[cnnx.Dense(1)], [cnnx.Dense(1), cnnx.Sigmoid()], [cnnx.Dense(3), cnnx.Softmax()]]
)
def test_scores_and_probabilities_of_other_last_layers(last: list[cnnx.Layer]) -> None:
    model = cnnx.Model([cnnx.Flatten(), *last], input_shape=(4, 5, 2), seed=3)
    if len(last) == 1:
        cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    x = image_of(model)
    probabilities = model.predict_proba(x)
    every = probabilities if len(probabilities) > 1 else [1 - probabilities[0], probabilities[0]]
    text = Grids(walkthrough(model, x, method="saliency")).text
    assert all(f"{each:.2%}" in text for each in every)


def test_a_quantized_network_says_that_it_rounds() -> None:
    model = quantized_networks.plain()
    image = np.random.default_rng(1).integers(0, 256, model.input_shape, dtype=np.uint8)
    assert "rounded to the nearest of 256" in Grids(walkthrough(model, image)).text


def test_a_network_of_values() -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(4, 5, 1), seed=3)
    cnnx.Trainer(model, loss=cnnx.MSE())
    value = model(image_of(model))
    text = Grids(walkthrough(model, image_of(model), classes=1, method="occlusion")).text
    assert f"The network computes {value[1]:.4g}"[:27] in text


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ends_the_page(method: str) -> None:
    model = network(1)
    text = Grids(walkthrough(model, image_of(model), method=method, classes="===")).text
    assert text.endswith(f"{METHODS[method].title} for ===")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": 3}, TypeError, "^walkthrough: model is 3, expected a cnnx.Model"),
        ({"x": np.zeros((2, 32, 32, 1))}, ValueError, "x has 2 images, expected one"),
        ({"method": "gradcam"}, ValueError, "method is 'gradcam', expected grad-cam"),
        ({"method": 3}, ValueError, "method is 3, expected one of grad-cam, hires-cam"),
        ({"method": ["saliency"]}, ValueError, r"method is \[.saliency.\], expected one of"),
        ({"method": "saliency", "layer": "relu_1"}, ValueError, "saliency explains no layer"),
        ({"layer": "relu_9"}, ValueError, "has no layer 'relu_9', expected "),
        ({"classes": "cat"}, ValueError, "classes has 'cat', expected one of"),
        ({"name": 3}, TypeError, "name is 3, expected text"),
        ({"x": np.full((32, 32, 1), np.nan)}, ValueError, "x holds NaN or infinity, expected"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"model": network(1), "x": np.zeros((32, 32, 1)), **arguments}
    with pytest.raises(error, match=message):
        walkthrough(**given)
