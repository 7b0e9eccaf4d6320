"""A model with two outputs, the class and the box of a shape: the same in Python, C++ and ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import cnnx
import numpy as np
import pytest
from cnnx import BatchNorm2d, Conv2d, Dense, Flatten, Input, MaxPool2d, ReLU
from cpp_build import build_consumer, run
from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SIDE = 48
HELD_OUT = 200

Trained: TypeAlias = "tuple[cnnx.Model, NDArray[np.uint8], dict[str, NDArray[Any]]]"


@pytest.fixture(scope="module")
def trained() -> Trained:
    """The model after a training of some seconds, and images that it has not seen."""
    x, labels, boxes = cnnx.data.single_shapes(2000 + HELD_OUT, seed=1, size=(SIDE, SIDE))
    image = Input((SIDE, SIDE, 3))
    maps: Any = image
    for channels in (16, 32, 64):
        for _ in range(2):
            maps = ReLU()(BatchNorm2d()(Conv2d(channels, 3, padding="same", bias=False)(maps)))
        maps = MaxPool2d(2)(maps)
    outputs = {"class": Dense(3)(Flatten()(maps)), "box": Dense(4)(Flatten()(maps))}
    model = cnnx.Model.from_graph(image, outputs)
    losses: Any = {"class": cnnx.CrossEntropy(), "box": cnnx.L1()}
    trainer = cnnx.Trainer(model, loss=losses, optimizer=cnnx.Muon(0.02))
    y = {"class": labels, "box": boxes}
    known = {name: each[:-HELD_OUT] for name, each in y.items()}
    trainer.fit(x[:-HELD_OUT], known, epochs=8, batch_size=16)
    return model, x[-HELD_OUT:], {name: each[-HELD_OUT:] for name, each in y.items()}


def test_both_outputs_are_learned(trained: Trained) -> None:
    model, x, y = trained
    found = model.predict(x)
    assert (found["class"] == y["class"]).mean() > 0.8
    still = np.abs(y["box"] - y["box"].mean(axis=0)).mean()
    assert np.abs(found["box"] - y["box"]).mean() < 0.8 * still


def test_a_cpp_program_gives_the_same_bits(trained: Trained, tmp_path: Path) -> None:
    model, x, _ = trained
    program = build_consumer(Path(__file__).parent / "several_outputs", tmp_path / "build")
    model.save(tmp_path / "model.cnnx")
    (tmp_path / "pixels").write_bytes(x.tobytes())
    printed = run([program / "several_outputs", tmp_path / "model.cnnx", tmp_path / "pixels"])
    lines = [line.split() for line in printed.splitlines()]
    for name, expected in model.predict_proba(x).items():
        values = [[float.fromhex(each) for each in line[1:]] for line in lines if line[0] == name]
        np.testing.assert_array_equal(np.array(values, np.float32), expected)


def test_onnx_runtime_gives_the_same_outputs(trained: Trained, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model, x, _ = trained
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"images": x}), strict=True))
    for name, expected in model.predict_proba(x).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
