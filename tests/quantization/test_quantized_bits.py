"""Predictions of quantized models have the same bits on every instruction set and thread count."""

from __future__ import annotations

import json
from pathlib import Path

import cnnx
import numpy as np
import pytest
from instruction_sets import INTEGER_CPU_FLAGS, SUPPORT, needs, run_python


def network() -> cnnx.Model:
    """A residual block, ReLU6, a depthwise convolution, a gate and a concatenation."""
    image = cnnx.Input((16, 16, 3))
    stream = cnnx.ReLU()(cnnx.Conv2d(8, 3, padding=1)(image))
    inner = cnnx.ReLU6()(cnnx.BatchNorm2d()(cnnx.Conv2d(8, 3, padding=1, groups=8)(stream)))
    stream = cnnx.ReLU()(cnnx.Add()(cnnx.Conv2d(8, 1)(inner), stream))
    gate = cnnx.Sigmoid()(cnnx.Conv2d(8, 1)(cnnx.AvgPool2d(16)(stream)))
    gated = cnnx.HardSwish()(cnnx.Conv2d(20, 3, stride=2)(cnnx.Multiply()(stream, gate)))
    pooled = cnnx.Concat()(cnnx.MaxPool2d(7)(gated), cnnx.AvgPool2d(7)(gated))
    return cnnx.Model.from_graph(image, cnnx.Dense(5)(cnnx.Flatten()(pooled)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized model in a file."""
    out = tmp_path_factory.mktemp("quantized")
    x = np.random.default_rng(2).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    cnnx.quantize(network(), x).save(out / "network.cnnx")
    return out


def digests(isa: str, threads: int, folder: Path) -> dict[str, str]:
    finished = run_python(isa, str(SUPPORT / "quantize_digests.py"), str(threads), str(folder))
    assert finished.returncode == 0, finished.stderr
    found: dict[str, str] = json.loads(finished.stdout)
    assert found.pop("isa") == isa
    return found


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, str]:
    return digests("baseline", 1, folder)


@pytest.mark.parametrize("isa", INTEGER_CPU_FLAGS)
def test_bits(isa: str, folder: Path, expected: dict[str, str]) -> None:
    needs(isa)
    assert len(set(expected.values())) == len(expected) // 2  # the batch does not matter
    for threads in (1, 2):
        assert digests(isa, threads, folder) == expected
