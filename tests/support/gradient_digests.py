"""Print, as JSON, hashes of gradients of random graphs and of explanations; run by
test_bit_identity.py.

Not part of the package. Two set-ups that promise the same bits must print the same hashes.

    python tests/support/gradient_digests.py THREADS
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import cnnx
import numpy as np
from cnnx import explain
from graph_networks import with_random_values
from random_graphs import RandomGraph

GRAPHS = range(8)
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 5},
    "occlusion": {"patch": 7},
    "smooth_grad": {"samples": 3},
}


def digest(*arrays: Any) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def gradients_of(model: cnnx.Model) -> str:
    """Of the input and of every layer."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5, *model.input_shape)).astype(np.float32) / 4
    factors = rng.standard_normal((5, *model.output_shape)).astype(np.float32)
    names = ["input", *(layer.name for layer in model.layers)]
    return digest(*(model.gradients(x, factors, of=name) for name in names))


def residual_network() -> cnnx.Model:
    """Channels that fill vectors and that do not, batch norm and a shortcut."""
    conv, norm, relu = cnnx.Conv2d, cnnx.BatchNorm2d, cnnx.ReLU
    body = [conv(40, 3, padding=1, groups=40, bias=False), norm(), relu(), conv(40, 1), norm()]
    layers = [
        *(conv(40, 3, padding=1, bias=False), norm(), relu(), cnnx.Residual(body), relu()),
        *(conv(21, 3, stride=2), norm(), relu(), cnnx.GlobalAvgPool2d(), cnnx.Dense(5)),
    ]
    return with_random_values(cnnx.Model(layers, input_shape=(29, 31, 3), seed=4))


def digests() -> dict[str, str]:
    found = {f"graph {seed}": gradients_of(RandomGraph(seed).model()) for seed in GRAPHS}
    model = residual_network()
    found["residual network"] = gradients_of(model)
    x = np.random.default_rng(5).random((3, *model.input_shape), np.float32)
    for name in sorted(set(explain.__all__) - {"walkthrough"}):
        found[name] = digest(getattr(explain, name)(model, x, **SETTINGS.get(name, {})))
    return found


if __name__ == "__main__":
    cnnx.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"isa": cnnx.isa(), **digests()}))
