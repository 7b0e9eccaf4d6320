"""
Average the weights
===================

The running mean of the weights is often more accurate than the last weights, at no cost.

With a constant learning rate and noisy labels the weights keep jumping around a minimum.
``WeightAverage`` follows their exponential moving average during the training.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

x, y = cnnx.data.xo(1000, seed=1)
is_wrong = np.random.default_rng(0).random(len(y)) < 0.1  # a tenth of the labels
y = np.where(is_wrong, 1 - y, y)
test = cnnx.data.xo(1000, seed=2)


class AveragedAccuracy(cnnx.callbacks.Callback):
    """The accuracy of the averaged weights after every epoch."""

    def __init__(self):
        self.values = []

    def on_epoch_end(self, trainer, progress):
        self.values.append(trainer.evaluate(*test, averaged=True)["accuracy"])


# %%
# ``fit`` measures the trained weights, the callback measures their average.

model = cnnx.models.small((32, 32, 1), ["X", "O"])
trainer = cnnx.Trainer(
    model, optimizer=cnnx.SGD(0.03, momentum=0.9), averaging=cnnx.WeightAverage(0.99)
)
averaged = AveragedAccuracy()
history = trainer.fit(x, y, epochs=15, batch_size=16, validation=test, callbacks=[averaged])

curves = {"trained weights": history.validation_accuracy, "their average": averaged.values}
for name, values in curves.items():
    last = np.array(values[5:])
    print(f"{name}: mean of ten epochs {last.mean():.1%}, lowest {last.min():.1%}")

# %%
# ``averaged_model`` is a model with these weights, to save and to use.

evaluation = cnnx.evaluation.evaluate(trainer.averaged_model(), *test)
print(f"averaged model: {evaluation.accuracy:.1%}")

# %%
# The accuracy of the trained weights jumps from epoch to epoch, that of their average less. It is
# also higher.

figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, values in curves.items():
    axis.plot(range(1, len(values) + 1), values, marker=".", label=name)
axis.set(xlabel="epoch", ylabel="test accuracy")
axis.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "weight_average.png", dpi=72)
