"""
Batches from a generator
========================

Train on batches that are made on the fly, such as simulations or a data set larger than memory.

``fit`` accepts any iterable of batches (x, y) that can be iterated once per epoch. Here every batch
has new images, so that no image is seen twice. The same network is then trained for as many steps
on a fixed set of 1,024 images.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

BATCH, STEPS, EPOCHS = 64, 16, 12


# %%
# The batches come from a class, because a generator could be iterated only once. Schedules need
# ``__len__``, the number of batches of an epoch, and progress bars show it.


class NewImages:
    """Batches of new images in every epoch."""

    def __init__(self):
        self.seed = 1000

    def __len__(self):
        return STEPS

    def __iter__(self):
        for _ in range(STEPS):
            self.seed += 1
            yield cnnx.data.xo(BATCH, seed=self.seed)


# %%
# The two trainings differ only in their images.


def train(*data):
    """The validation accuracy after every epoch."""
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
    test = cnnx.data.xo(1000, seed=1)
    return trainer.fit(*data, epochs=EPOCHS, validation=test).validation_accuracy


accuracies = {
    "new images": train(NewImages()),
    "fixed images": train(*cnnx.data.xo(BATCH * STEPS, seed=2)),
}
for name, values in accuracies.items():
    print(f"{name}: {values[-1]:.1%}")

# %%
# New images in every batch give the higher test accuracy: the network cannot memorize them.

figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, values in accuracies.items():
    axis.plot(range(1, EPOCHS + 1), values, label=name, marker=".")
axis.set(xlabel="epoch", ylabel="test accuracy")
axis.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "batches_from_a_generator.png", dpi=72)
