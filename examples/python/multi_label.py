"""
Several labels in one image
===========================

Is there an X, is there an O, are there both or neither? One output and one sigmoid per label.

Labels do not exclude each other, so the network has no softmax. ``BinaryCrossEntropy`` trains it on
targets (images, labels) of 0 and 1.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

NAMES = ["X", "O"]


# %%
# Each half of an image is empty or has a letter. A target has one number per label: [1, 0] is an
# image with an X and without an O.


def halves(count, seed):
    """Images (count, 32, 64, 1) and targets (count, 2)."""
    letters, labels = cnnx.data.xo(2 * count, seed=seed)
    is_empty = np.random.default_rng(seed).random(2 * count) < 0.5
    letters[is_empty] = letters[is_empty].mean(axis=(1, 2, 3), keepdims=True)
    present = np.eye(2, dtype=np.float32)[labels] * ~is_empty[:, np.newaxis]
    images = np.concatenate([letters[:count], letters[count:]], axis=2)
    return images, np.maximum(present[:count], present[count:])


x, y = halves(3000, seed=1)
test_x, test_y = halves(500, seed=2)

# %%
# ``predict_proba`` returns the sigmoid of each output. An image is correct if both labels are.

model = cnnx.models.small((32, 64, 1), NAMES)
trainer = cnnx.Trainer(
    model,
    loss=cnnx.BinaryCrossEntropy(),
    optimizer=cnnx.Adam(2e-3),
    schedule=cnnx.CosineDecay(),
)
trainer.fit(x, y, epochs=8)

probabilities = model.predict_proba(test_x)
correct = (probabilities > 0.5) == (test_y == 1)
for name, accuracy in zip(NAMES, correct.mean(axis=0), strict=True):
    print(f"{name}: {accuracy:.1%}")
print(f"both labels correct: {correct.all(axis=1).mean():.1%}")

# %%
# The probabilities of an image do not add up to 1.

figure, axes = plt.subplots(2, 4, figsize=(7, 2.6), layout="constrained")
for axis, image, row in zip(axes.flat, test_x, probabilities, strict=False):
    axis.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
    title = "   ".join(f"{name} {p:.0%}" for name, p in zip(NAMES, row, strict=True))
    axis.set_title(title, fontsize=8)
    axis.axis("off")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "multi_label.png", dpi=72)
