"""Predictions of quantized models have the same bits on every instruction set and thread count."""

from __future__ import annotations

import json
from pathlib import Path

import cnnx
import numpy as np
import pytest
from instruction_sets import INTEGER_CPU_FLAGS, SUPPORT, needs, run_python


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quantized models with residual blocks, ReLU6, depthwise convolutions and gates."""
    out = tmp_path_factory.mktemp("quantized")
    x = np.random.default_rng(2).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    for name in ("resnet20", "mobilenet_v2", "mobilenet_v3_small"):
        model = getattr(cnnx.models, name)((32, 32, 3), 10)
        cnnx.quantize(model, x).save(out / f"{name}.cnnx")
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
