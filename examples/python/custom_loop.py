"""
Write your own training loop
============================

Compute gradients, change them, apply them: the loop of ``fit`` in a few lines, with your own rule.

``compute_gradients`` fills ``trainer.gradients``, one array of the gradients of all parameters.
``apply_gradients`` makes the optimizer's step with the values that the array has then. Here each
gradient is replaced by its sign, so that every weight moves by the learning rate (Bernstein and
others: signSGD: Compressed optimisation for non-convex problems, 2018).
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

EPOCHS, BATCH = 6, 64

x, y = cnnx.data.xo(2000, seed=1)
test = cnnx.data.xo(500, seed=2)
steps_per_epoch = -(-len(x) // BATCH)


def batches(epoch):
    """The batches of an epoch, in random order."""
    order = np.random.default_rng(epoch).permutation(len(x))
    for start in range(0, len(x), BATCH):
        rows = order[start : start + BATCH]
        yield x[rows], y[rows]


# %%
# ``begin_schedule`` starts the schedule, as ``fit`` does. The norm of the gradients is worth a look
# in any loop: it becomes large before a training diverges.

trainer = cnnx.Trainer(
    cnnx.models.small((32, 32, 1), ["X", "O"]),
    optimizer=cnnx.SGD(1e-3),
    schedule=cnnx.CosineDecay(),
)
trainer.begin_schedule(epochs=EPOCHS, steps_per_epoch=steps_per_epoch)
losses, norms = [], []
for epoch in range(EPOCHS):
    for batch_x, batch_y in batches(epoch):
        losses.append(trainer.compute_gradients(batch_x, batch_y))
        norms.append(np.linalg.norm(trainer.gradients))
        trainer.gradients[:] = np.sign(trainer.gradients)
        trainer.apply_gradients()
print(f"steps: {len(losses)}")
print(f"test accuracy: {trainer.evaluate(*test)['accuracy']:.1%}")

# %%
# The gradients of a batch are the sum of those of its parts, if all parts divide by the number of
# images of the whole batch. A batch that is too large for the memory is computed in parts.

batch_x, batch_y = x[:64], y[:64]
trainer.compute_gradients(batch_x, batch_y)
whole = trainer.gradients.copy()
parts = np.zeros_like(whole)
for rows in (slice(0, 40), slice(40, 64)):
    trainer.compute_gradients(batch_x[rows], batch_y[rows], divisor=64)
    parts += trainer.gradients
print(f"largest difference of the gradients: {np.abs(parts - whole).max():.1e}")

# %%
# The loss of each step, and the norm of its gradients.

figure, (upper, lower) = plt.subplots(2, 1, figsize=(6, 3.4), layout="constrained", sharex=True)
upper.plot(losses)
upper.set(ylabel="training loss", ylim=(0, None))
lower.plot(norms, color="C1")
lower.set(xlabel="step", ylabel="gradient norm", ylim=(0, None))

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "custom_loop.png", dpi=72)
