"""The arithmetic that the playground spells out gives the numbers of the core's layers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cnnx
import numpy as np
import playground_models
from cnnx import _core
from playground_module import node, wasm_module
from random_graphs import RandomGraph

NETWORKS = 60
SCRIPT = Path(__file__).parent / "web" / "explain_in_node.mjs"
# The page names these without their arithmetic.
NAMED = {"conv_transpose2d"}


def test_cells_of_random_networks_and_of_those_of_the_browsers(tmp_path: Path) -> None:
    module = wasm_module()
    rng = np.random.default_rng(7)
    models: dict[str, cnnx.Model] = {
        str(seed): RandomGraph(int(seed)).model() for seed in rng.integers(0, 2**31, NETWORKS)
    }
    for name in ("batch_norm", "colours", "resnet20"):
        models[name] = playground_models.MODELS[name]()
    for name, model in models.items():
        model.save(tmp_path / f"{name}.cnnx")
        pixels = rng.integers(0, 256, model.input_shape, dtype=np.uint8)
        (tmp_path / f"{name}.pixels").write_bytes(pixels.tobytes())
    paths = sorted(tmp_path.glob("*.cnnx"))
    run = subprocess.run([node(), SCRIPT, module, *paths], capture_output=True, check=True)
    found = json.loads(run.stdout)
    assert found["different"] == []
    present = {layer.kind for model in models.values() for layer in model.layers}
    assert {kind for kind, count in found["counts"].items() if count > 20} >= present - NAMED
    assert len(present) > 0.7 * len(_core.layer_kinds())
