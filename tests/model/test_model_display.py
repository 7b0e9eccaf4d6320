"""How models are shown: notebook fragments and graph texts hold every layer."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import cnnx
import pytest
from cnnx import Add, BatchNorm2d, Concat, Conv2d, Input, MaxPool2d, Model, ReLU, Upsample2d
from cnnx.model.described_layers import described_layers
from cnnx.model.model_figure import layer_table, model_graph

ROOT = Path(__file__).parents[2]


def unet() -> Model:
    image = Input((32, 32, 3))
    high = ReLU()(Conv2d(8, 3, padding=1)(image))
    low = ReLU()(Conv2d(16, 3, padding=1)(MaxPool2d(2)(high)))
    both = Concat()(Upsample2d(2)(low), high)
    return Model.from_graph(image, Conv2d(2, 1)(both))


MODELS = {
    "lenet5": cnnx.models.lenet5,
    "resnet20": cnnx.models.resnet20,
    "mobilenet_v3_small": lambda: cnnx.models.mobilenet_v3_small((64, 64, 3), 4),
    "unet": unet,
}


class Reader(html.parser.HTMLParser):
    """Refuses elements that are not closed in order, and collects the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


@pytest.mark.parametrize("name", MODELS)
def test_a_notebook_shows_every_layer(name: str) -> None:
    model = MODELS[name]()
    shown = Reader(model._repr_html_())
    assert shown.open == []
    lines = shown.text.splitlines()
    for layer in model.layers:
        assert layer.name in lines
    total = sum(array.size for array in model.parameters.values())
    assert f"{total:,} parameters" in shown.text
    assert model._repr_html_() == model._repr_html_()


@pytest.mark.parametrize("name", MODELS)
def test_graph_texts_have_every_layer_and_edge(name: str) -> None:
    model = MODELS[name]()
    described = described_layers(model._core)
    expected = {(each, layer.name) for layer in described for each in layer.inputs}
    for text, arrow in ((model.to_mermaid(), " --> "), (model.to_dot(), " -> ")):
        parts = {
            found[1]: re.split(r"<br/>|\\n", found[2])[1]
            for found in re.finditer(r'^ *(n\d+) ?\[(?:label=)?"(.*)"\];?$', text, re.MULTILINE)
        }
        assert list(parts.values()) == [layer.name for layer in described]
        edges = re.findall(rf"^ *(n\d+){arrow}(n\d+);?$", text, re.MULTILINE)
        assert {(parts[source], parts[target]) for source, target in edges} == expected


def test_labels_have_the_settings_that_matter() -> None:
    layers = [
        Conv2d(8, 3, stride=2, padding=1),
        Conv2d(8, (3, 5), groups=8, padding="same", dilation=(2, 1)),
        cnnx.LeakyReLU(0.1),
        MaxPool2d(2),
        cnnx.AvgPool2d(2, stride=1),
        cnnx.Dropout(0.5),
        cnnx.Flatten(),
        cnnx.Dense(10),
    ]
    model = Model(layers, input_shape=(32, 32, 3))
    times = "\N{MULTIPLICATION SIGN}"
    assert [layer.label.replace(times, "x") for layer in described_layers(model._core)] == [
        "Input",
        "Conv2d 3x3, 8, stride 2",
        "Conv2d 3x5, 8, dilation 2x1, depthwise",
        "LeakyReLU negative slope 0.1",
        "MaxPool2d 2x2",
        "AvgPool2d 2x2, stride 1",
        "Dropout 0.5",
        "Flatten",
        "Dense 10",
    ]


def test_norms_and_activations_share_the_box_before_them_unless_another_layer_reads_it() -> None:
    image = Input((8, 8, 4))
    first = BatchNorm2d()(Conv2d(4, 3, padding=1)(image))
    both = ReLU()(Add()(Conv2d(4, 1)(ReLU()(first)), first))
    graph = model_graph(Model.from_graph(image, both)._core)
    texts = re.findall(r"<text[^>]*>([^<]*)(?:<tspan[^>]*>([^<]*))?", graph)
    labels = [(label, details.strip()) for label, details in texts if label[0].isupper()]
    assert ("Add", "+ ReLU") in labels
    assert ("ReLU", "") in labels
    assert [details for label, details in labels if label.startswith("Conv2d 3")] == [
        "+ BatchNorm2d"
    ]


def test_frozen_layers_are_marked() -> None:
    model = cnnx.models.lenet5()
    model.freeze("conv2d_1")
    assert "156 parameters, frozen" in model._repr_html_()
    assert layer_table(model._core).count("<td>frozen</td>") == 1
