"""Train on batches that are made on the fly, such as simulations or a data set larger than memory.

    python batches_from_a_generator.py [OUT]

`fit` accepts any iterable of batches (x, y) that can be iterated once per epoch. Here every batch
has new images, so that no image is seen twice. The script trains the same network for as many steps
on a fixed set of 1,024 images, and prints both accuracies on a test set.
OUT/batches_from_a_generator.png shows the accuracy after every epoch.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

BATCH, STEPS, EPOCHS = 64, 16, 12


class NewImages:
    """Batches of new images. A class, because a generator could be iterated only once."""

    def __init__(self):
        self.seed = 1000

    def __len__(self):  # optional: schedules need it, and progress bars show it
        return STEPS

    def __iter__(self):
        for _ in range(STEPS):
            self.seed += 1
            yield cnnx.data.xo(BATCH, seed=self.seed)


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

figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, values in accuracies.items():
    axis.plot(range(1, EPOCHS + 1), values, label=name, marker=".")
axis.set(xlabel="epoch", ylabel="test accuracy")
axis.legend()
figure.savefig(out / "batches_from_a_generator.png", dpi=80)
