"""The memory that a model keeps between calls: that of its largest batch, until it is released."""

from __future__ import annotations

import sys

import pytest
from python_process import run_python
from sanitizer import not_under_address_sanitizer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")

# Prints MB that the process has gained after each part.
SCRIPT = """
import resource, sys, threading
import numpy as np
import cnnx

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6

cnnx.set_num_threads(1)
model = cnnx.Model(
    [cnnx.Conv2d(32, 3), cnnx.ReLU(), cnnx.Conv2d(32, 3), cnnx.ReLU(), cnnx.GlobalAvgPool2d(),
     cnnx.Flatten(), cnnx.Dense(10)],
    input_shape=(64, 64, 3),
)
trainer = cnnx.Trainer(model)
x, y = np.zeros((64, 64, 64, 3), np.uint8), np.arange(64) % 10

def train(count):
    trainer.step(x[:count], y[:count])

train(1)
start = megabytes()
for count in (64, 60, 56, 52, 48, 44):
    train(count)
    print(megabytes() - start)
{"trainer": trainer, "model": model}[sys.argv[1]].release()
print(megabytes() - start)
train(64)
print(megabytes() - start)
"""


@pytest.mark.parametrize("released", ["trainer", "model"])
@pytest.mark.beside
def test_a_model_keeps_the_memory_of_its_largest_batch(released: str) -> None:
    not_under_address_sanitizer("freed memory stays in quarantine")
    # glibc then returns freed memory to the system at once.
    numbers = run_python("-c", SCRIPT, released, MALLOC_MMAP_THRESHOLD_="131072")
    *kept, after_release, again = map(float, numbers.split())
    largest = kept[0]
    assert largest > 100
    assert max(kept) < 1.1 * largest, numbers
    assert after_release < 0.1 * largest
    assert again < 1.1 * largest
