"""A model with two inputs that Python trains: a C++ program gives the same outputs."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import Concat, Conv2d, Dense, GlobalAvgPool2d, Input, ReLU
from cpp_build import build_consumer, run

pytestmark = pytest.mark.slow


def test_a_cpp_program_gives_the_same_bits(tmp_path: Path) -> None:
    image, depth = Input((12, 10, 3)), Input((6, 5, 1))
    branches = [
        GlobalAvgPool2d()(ReLU()(Conv2d(8, 3, padding="same")(each))) for each in (image, depth)
    ]
    model = cnnx.Model.from_graph({"image": image, "depth": depth}, Dense(3)(Concat()(*branches)))
    random = np.random.default_rng(0)
    x = {name: random.random((7, *shape), np.float32) for name, shape in model.inputs.items()}
    cnnx.Trainer(model).fit(x, random.integers(0, 3, 7), epochs=2, batch_size=3)
    program = build_consumer(Path(__file__).parent / "several_inputs", tmp_path / "build")
    model.save(tmp_path / "model.cnnx")
    for name, array in x.items():
        (tmp_path / name).write_bytes(array.tobytes())
    printed = run([program / "several_inputs", tmp_path / "model.cnnx", tmp_path])
    found = [[float.fromhex(each) for each in line.split()] for line in printed.splitlines()]
    np.testing.assert_array_equal(np.array(found, np.float32), model(x))
