"""
The same bits on any number of threads
======================================

Sums of floats depend on their order, and threads change it. cnnx fixes the order of every sum.

The same seed and data give the same weights, bit for bit, with one thread or with many. A figure in
a paper or a bug in a training can be reproduced on another machine.
"""

import sys
from hashlib import sha256
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

PARTS = range(1, 9)

# %%
# The problem: a sum of float32 numbers is cut into parts, as threads do it, and the sums of the
# parts are added. Every number of parts rounds differently.

numbers = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)


def sequential_sum(values):
    """The sum in the order of the values, rounded after each addition."""
    return values.cumsum(dtype=np.float32)[-1]


sums = [
    sequential_sum(np.array([sequential_sum(part) for part in np.array_split(numbers, parts)]))
    for parts in PARTS
]
print(f"different sums: {len(set(sums))} of {len(sums)}")

# %%
# A training with 1 to 4 threads. The digest is that of all bytes of the weights.

x, y = cnnx.data.xo(1000, seed=1)


def weights_after_training(seed=0):
    """All weights of a network after two epochs, as one array."""
    model = cnnx.models.small((32, 32, 1), ["X", "O"], seed=seed)
    cnnx.Trainer(model, seed=seed).fit(x, y, epochs=2)
    return np.concatenate([array.ravel() for array in model.parameters.values()])


before = cnnx.get_num_threads()
weights = {}
for threads in (1, 2, 3, 4):
    cnnx.set_num_threads(threads)
    weights[f"threads: {threads}"] = weights_after_training()
cnnx.set_num_threads(before)
weights["another seed"] = weights_after_training(seed=1)
for name, array in weights.items():
    print(f"{name}, digest {sha256(array.tobytes()).hexdigest()[:16]}")
digests = {array.tobytes() for name, array in weights.items() if "threads" in name}
print(f"different weights of four trainings: {len(digests)}")

# %%
# Left: the sum of the same numbers in several parts, as the difference from the sum in one part.
# Right: the largest difference of the weights from those of one thread. It is exactly 0.

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
left.plot(PARTS, np.subtract(sums, sums[0]), marker="o", linestyle="none")
left.set(xlabel="parts of the sum", ylabel="difference of the sum")
first = weights["threads: 1"]
differences = [np.abs(weights[f"threads: {threads}"] - first).max() for threads in (1, 2, 3, 4)]
right.plot((1, 2, 3, 4), differences, marker="o", linestyle="none")
right.set(xlabel="threads", ylabel="difference of weights", xticks=(1, 2, 3, 4), ylim=(-1e-7, 1e-6))

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "same_bits.png", dpi=72)
