"""Outputs and gradients of random networks in the module have the bits of Python on baseline."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playground_module import node, wasm_module
from python_process import run_python
from random_graphs import RandomGraph

NETWORKS = 40
SCRIPT = Path(__file__).parent / "web" / "run_in_node.mjs"

# Writes what Python computes for the models of a folder.
IN_PYTHON = """
import sys
from pathlib import Path
import cnnx, numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.cnnx")):
    model = cnnx.load(path)
    x = np.fromfile(path.with_suffix(".pixels"), np.uint8).reshape(1, *model.input_shape)
    ones = np.ones((1, *model.output_shape), np.float32)
    arrays = [*model.layer_outputs(x).values(), model.gradients(x, ones, of=model.layers[0].name)]
    if len(model.output_shape) == 1:
        arrays.insert(0, model.predict_proba(x))
    np.concatenate([array.ravel() for array in arrays]).tofile(path.with_suffix(".python"))
"""


def bits(path: Path) -> NDArray[np.uint32]:
    """Float32 numbers as integers, every NaN as the same one."""
    values = np.fromfile(path, np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), values).view(np.uint32)


def test_the_bits_of_random_networks(tmp_path: Path) -> None:
    module = wasm_module()
    rng = np.random.default_rng(23)
    for seed in rng.integers(0, 2**31, NETWORKS):
        model = RandomGraph(int(seed)).model()
        model.save(tmp_path / f"{seed}.cnnx")
        pixels = rng.integers(0, 256, model.input_shape, dtype=np.uint8)
        (tmp_path / f"{seed}.pixels").write_bytes(pixels.tobytes())
    run_python("-c", IN_PYTHON, str(tmp_path), CNNX_ISA="baseline")
    models = sorted(tmp_path.glob("*.cnnx"))
    subprocess.run([node(), SCRIPT, module, *models], check=True)
    different = [
        path.stem
        for path in models
        if not np.array_equal(bits(path.with_suffix(".page")), bits(path.with_suffix(".python")))
    ]
    assert different == []
