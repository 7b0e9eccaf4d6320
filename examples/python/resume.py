"""
Resume an interrupted training
==============================

A training that is killed resumes from its checkpoint and ends with the same bits.

A checkpoint holds the weights, the optimizer's moments, the schedule, the order of the images and
the history. ``fit`` writes it after every epoch, here also every 10 steps.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

x, y = cnnx.data.xo(2000, seed=1)
EPOCHS = 8


def new_trainer():
    """A trainer of a new network."""
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    return cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())


# %%
# The training for comparison is not interrupted.

uninterrupted = new_trainer()
expected = uninterrupted.fit(x, y, epochs=EPOCHS)

# %%
# A callback raises an error in the middle of the fourth epoch, in place of a power cut.


class PowerCut(cnnx.callbacks.Callback):
    """Ends a training at a step."""

    def on_step_end(self, trainer, progress):
        if (progress.epoch, progress.step) == (4, 17):
            raise RuntimeError("power cut")


interrupted = new_trainer()
try:
    interrupted.fit(
        x,
        y,
        epochs=EPOCHS,
        callbacks=[PowerCut()],
        checkpoint=out / "run.ckpt",
        checkpoint_every=10,
    )
except RuntimeError as error:
    print(f"{error} after {len(interrupted.history)} epochs")

# %%
# ``Trainer.resume`` reads the checkpoint, usually in a new process. ``fit`` needs only the data,
# because the number of epochs and all settings are in the checkpoint.

resumed = cnnx.Trainer.resume(out / "run.ckpt")
history = resumed.fit(x, y)
equal = [
    np.array_equal(array, resumed.model.parameters[name])
    for name, array in uninterrupted.model.parameters.items()
]
print(f"epochs of the resumed run: {len(history)}")
print(f"arrays of weights with equal bits: {sum(equal)} of {len(equal)}")
print(f"largest difference of losses: {np.abs(np.subtract(history.loss, expected.loss)).max():g}")

# %%
# The losses of both runs lie on each other.

figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
epochs = np.arange(1, EPOCHS + 1)
axis.plot(epochs, expected.loss, linewidth=6, alpha=0.3, label="uninterrupted")
axis.plot(epochs, history.loss, marker="o", label="interrupted and resumed")
axis.axvline(3 + 17 / 32, color="red", linestyle="--", label="power cut")
axis.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
axis.legend()
figure.savefig(out / "resume.png", dpi=72)
