"""
Predict numbers
===============

A network with two outputs finds the centre of a disc: regression with the mean squared error.

Each image has one blurred disc in noise. The outputs are row and column of its centre. Targets
between -1 and 1 suit the network better than pixels.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

SIZE = 32


# %%
# A disc is a Gaussian with a radius between 2 and 4 pixels.


def discs(count, seed):
    """Images with one disc each, and the centres (row, column) in pixels."""
    random = np.random.default_rng(seed)
    centres = random.uniform(4, SIZE - 5, (count, 2))
    grid = np.arange(SIZE)
    rows = grid[:, np.newaxis] - centres[:, 0, np.newaxis, np.newaxis]
    columns = grid - centres[:, 1, np.newaxis, np.newaxis]
    radius = random.uniform(2, 4, (count, 1, 1))
    images = np.exp(-(rows**2 + columns**2) / radius**2)
    images += random.normal(0, 0.15, images.shape)
    return images.clip(0, 1).astype(np.float32)[..., np.newaxis], centres


x, centres = discs(2000, seed=1)
test_x, test_centres = discs(300, seed=2)

# %%
# The last layer has two outputs and no activation.

layers = [
    *(cnnx.Conv2d(16, 3, padding="same"), cnnx.ReLU(), cnnx.MaxPool2d(2)),
    *(cnnx.Conv2d(32, 3, padding="same"), cnnx.ReLU(), cnnx.MaxPool2d(2)),
    *(cnnx.Flatten(), cnnx.Dense(64), cnnx.ReLU(), cnnx.Dense(2)),
]
model = cnnx.Model(layers, input_shape=(SIZE, SIZE, 1))
trainer = cnnx.Trainer(
    model, loss=cnnx.MSE(), optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay()
)
middle = SIZE / 2
trainer.fit(x, (centres - middle) / middle, epochs=15)

# %%
# A model that was trained with a regression loss predicts its outputs. Their mean distance to the
# centres is far below that of a constant guess, the middle of the image.

predicted = model.predict(test_x) * middle + middle
distance = np.linalg.norm(predicted - test_centres, axis=1)
guess = np.linalg.norm(test_centres - middle, axis=1)
print(f"mean distance: {distance.mean():.2f} pixels")
print(f"of the middle: {guess.mean():.2f} pixels")

# %%
# Red crosses mark the predicted centres in test images.

figure, axes = plt.subplots(1, 5, figsize=(7, 1.7), layout="constrained")
for axis, image, (row, column) in zip(axes, test_x, predicted, strict=False):
    axis.imshow(image[:, :, 0], cmap="gray")
    axis.plot(column, row, "+", color="red", markersize=10)
    axis.axis("off")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "regression.png", dpi=72)
