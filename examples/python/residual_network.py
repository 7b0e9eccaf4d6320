"""
Train a deep network with residual blocks
=========================================

25 convolutions in a row do not learn. With shortcuts around pairs of them they do.

A residual block adds its input to the output of its layers, so that gradients reach the first
layers unchanged (He, Zhang, Ren, Sun: Deep residual learning for image recognition, 2016).
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

BLOCKS, CHANNELS = 12, 8


def network(is_residual):
    """A network of 25 convolutions for images of 16 x 16 pixels."""
    layers = [cnnx.Conv2d(CHANNELS, 3, padding="same"), cnnx.ReLU()]
    for block in range(BLOCKS):
        body = [
            *(cnnx.Conv2d(CHANNELS, 3, padding="same"), cnnx.BatchNorm2d(), cnnx.ReLU()),
            *(cnnx.Conv2d(CHANNELS, 3, padding="same"), cnnx.BatchNorm2d(name=f"last_{block}")),
        ]
        layers += [cnnx.Residual(body)] if is_residual else body
        layers.append(cnnx.ReLU())
        if block == 1:
            layers.append(cnnx.MaxPool2d(2))
    layers += [cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(16, 16, 1), classes=["X", "O"])


networks = {"plain": network(is_residual=False), "residual": network(is_residual=True)}
for name, model in networks.items():
    count = sum(array.size for array in model.parameters.values())
    print(f"{name}: {count:,} parameters")

# %%
# Each block starts as the identity: the scale of its last batch norm begins at 0. ``Residual`` puts
# its number before the names of the layers inside.

parameters = networks["residual"].parameters
for block in range(BLOCKS):
    name = f"residual_{block + 1}.last_{block}.weight"
    parameters[name] = np.zeros(CHANNELS)

# %%
# The training is the same for both.

x, y = cnnx.data.xo(2000, size=16, seed=1)
test = cnnx.data.xo(500, size=16, seed=2)
histories = {}
for name, model in networks.items():
    trainer = cnnx.Trainer(
        model, optimizer=cnnx.SGD(0.05, momentum=0.9), schedule=cnnx.CosineDecay()
    )
    histories[name] = trainer.fit(x, y, epochs=6, validation=test)
    print(f"{name}: {histories[name].validation_accuracy[-1]:.1%}")

# %%
# The loss of the plain network stays at that of a coin, ln 2 = 0.69.

figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, history in histories.items():
    axis.plot(range(1, len(history) + 1), history.loss, marker=".", label=name)
axis.axhline(np.log(2), color="grey", linestyle="--", label="guessing")
axis.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
axis.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "residual_network.png", dpi=72)
