"""
Learning rate schedules
=======================

Large steps first, small steps last: a falling learning rate gives a more accurate network.

A schedule multiplies the optimizer's learning rate by a factor that changes during ``fit``. All
trainings here have the same rate of 0.05, the same network and the same images, of which a tenth
have wrong labels. Such noise keeps the weights jumping while steps are large.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

EPOCHS = 8

x, y = cnnx.data.xo(1500, seed=1)
is_wrong = np.random.default_rng(0).random(len(y)) < 0.1
y = np.where(is_wrong, 1 - y, y)
test = cnnx.data.xo(1000, seed=2)

schedules = {
    "constant": None,
    "StepDecay": cnnx.StepDecay(0.2, every=3),
    "CosineDecay": cnnx.CosineDecay(),
    "OneCycle": cnnx.OneCycle(),
    "Warmup(1, CosineDecay)": cnnx.Warmup(1, cnnx.CosineDecay()),
}

# %%
# ``progress`` is called after every step and sees its learning rate.

rates, accuracies = {}, {}
for name, schedule in schedules.items():
    steps = rates[name] = []
    trainer = cnnx.Trainer(
        cnnx.models.small((32, 32, 1), ["X", "O"]),
        optimizer=cnnx.SGD(0.05, momentum=0.9),
        schedule=schedule,
    )
    history = trainer.fit(
        x,
        y,
        epochs=EPOCHS,
        batch_size=32,
        validation=test,
        progress=lambda now, steps=steps: steps.append(now.learning_rate),
    )
    accuracies[name] = history.validation_accuracy
    print(f"{name}: {accuracies[name][-1]:.1%}")

# %%
# Left: the learning rate of each step. Right: the test accuracy after each epoch.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3), layout="constrained")
for name, values in rates.items():
    left.plot(values, label=name)
    right.plot(range(1, EPOCHS + 1), accuracies[name], marker=".")
left.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.1))
left.legend(fontsize=8)
right.set(xlabel="epoch", ylabel="test accuracy")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "schedules.png", dpi=72)
