"""cnnx in one process with other libraries that start threads, in every import order."""

from __future__ import annotations

import importlib.util

import pytest
from python_process import run_python

CNNX = """
import cnnx
cnnx.set_num_threads(2)

def use_cnnx():
    x, y = cnnx.data.xo(256)
    model = cnnx.models.small()
    trainer = cnnx.Trainer(model)
    history = trainer.fit(x, y, epochs=1, batch_size=100)
    return model(x).tobytes(), history.loss
"""

# Each trains and predicts with two threads and gives an array of numbers.
OTHERS = {
    "sklearn": """
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

def use_other():
    x = np.random.default_rng(0).random((4000, 20), dtype=np.float32)
    y = x[:, 0] + x[:, 1] > 1
    with threadpool_limits(2):
        return HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(x, y).predict_proba(x)
""",
    "torch": """
import torch
torch.set_num_threads(2)

def use_other():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.Flatten(),
                                  torch.nn.LazyLinear(2))
    x, y = torch.rand(32, 3, 32, 32), torch.arange(32) % 2
    network(x)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    return network(x).detach().numpy()
""",
}

TAKE_TURNS = """
import numpy as np
first = use_cnnx()
others = use_other()
for _ in range(2):
    assert use_cnnx() == first, "cnnx gives other bits beside the other library"
    assert np.allclose(use_other(), others, atol=1e-5), "the other library is disturbed"
print(hash(first[0]), first[1])
"""


@pytest.mark.parametrize("other", OTHERS)
def test_import_order(other: str) -> None:
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"{other} is not installed")
    fixed = {"PYTHONHASHSEED": "0"}
    alone = run_python("-c", f"{CNNX}first = use_cnnx()\nprint(hash(first[0]), first[1])", **fixed)
    for imports in (CNNX + OTHERS[other], OTHERS[other] + CNNX):
        assert run_python("-c", imports + TAKE_TURNS, **fixed) == alone
