"""A C project outside the tree uses the installed package, trains, and predicts as Python does."""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest
from cpp_build import build_consumer, run


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built as strict C11."""
    project = Path(__file__).parent / "consumer_c"
    return build_consumer(project, tmp_path_factory.mktemp("consumer_c")) / "consumer_c"


def test_the_program_trains_and_predicts_as_python_does(program: Path, tmp_path: Path) -> None:
    lines = run([program, "xo.cnnx"], cwd=tmp_path).splitlines()
    model = cnnx.Model(
        [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(2)],
        input_shape=(32, 32, 1),
        classes=["X", "O"],
        seed=5,
    )
    x, y = cnnx.data.xo(512, seed=1)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(0.002))
    trainer.fit(x, y, epochs=2, batch_size=32)
    model.save(tmp_path / "python.cnnx")
    assert (tmp_path / "xo.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()

    images, _ = cnnx.data.xo(40, seed=77)
    expected = list(zip(model.predict(images), model.predict_proba(images), strict=True))
    assert {label for label, _ in expected} == {"X", "O"}, "too easy to be a test"
    for line, (label, probabilities) in zip(lines[:40], expected, strict=True):
        said, probability = line.split()
        assert said == label
        assert float.fromhex(probability) == probabilities.max()

    assert lines[40:42] == [
        '1 cnnx_model_get_array: the model has no parameter and no buffer named "conv2d_2.bias"',
        f"3 {lines[41][2:]}",
    ]
    assert "no such file" in lines[41]
    assert lines[42:] == ["1 cnnx_model_save: model is a null pointer"]
