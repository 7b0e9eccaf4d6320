"""
Stop a training early
=====================

Callbacks end a training when the validation loss stops falling, keep the best model, and log.

The network is trained on only 200 images, so it overfits: the training loss keeps falling, the
validation loss does not. ``EarlyStopping`` ends the training then and restores the best weights.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
from cnnx.callbacks import BestModel, Callback, CSVLog, EarlyStopping

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)


# %%
# A callback of your own is a class with the methods for the moments that it needs, such as
# ``on_epoch_end``.


class WeightNorm(Callback):
    """Remember the norm of the last layer's weights after every epoch."""

    def __init__(self):
        self.norms = []

    def on_epoch_end(self, trainer, progress):
        weights = trainer.model.parameters["dense_2.weight"]
        self.norms.append(float((weights**2).sum() ** 0.5))


# %%
# ``fit`` calls all callbacks after every epoch. ``BestModel`` writes a model file, ``CSVLog`` a
# table.

x, y = cnnx.data.xo(200, seed=1)
validation = cnnx.data.xo(500, seed=2)

model = cnnx.models.small((32, 32, 1), ["X", "O"])
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3))
stopping = EarlyStopping("validation_loss", patience=5)
norm = WeightNorm()
history = trainer.fit(
    x,
    y,
    epochs=60,
    validation=validation,
    callbacks=[stopping, BestModel(out / "best.cnnx"), CSVLog(out / "log.csv"), norm],
)

# %%
# ``stopping.best`` is the lowest validation loss. The weights are those of its epoch.

best = history.validation_loss.index(stopping.best)
print(f"stopped after {len(history)} of 60 epochs; the best was epoch {best + 1}")
print(f"norm of the last weights: {norm.norms[0]:.2f} to {norm.norms[-1]:.2f}")
accuracy = trainer.evaluate(*validation)["accuracy"]
print(f"validation accuracy: {accuracy:.1%}")
print(f"{len((out / 'log.csv').read_text().splitlines()) - 1} lines in log.csv")

# %%
# The dashed line marks the lowest validation loss, whose weights the model has.

figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
epochs = range(1, len(history) + 1)
axis.plot(epochs, history.loss, label="training")
axis.plot(epochs, history.validation_loss, label="validation")
axis.axvline(best + 1, color="grey", linestyle="--", label="best epoch")
axis.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
axis.legend()
figure.savefig(out / "callbacks.png", dpi=72)
