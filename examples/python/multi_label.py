"""Several classes in one image: is there an X, is there an O, are there both or neither?

    python multi_label.py [OUT]

The network has one output per label and no softmax, because labels do not exclude each other.
`BinaryCrossEntropy` trains it on targets (images, labels) of 0 and 1. The script prints the
accuracy of each label and of images in which both are correct. OUT/multi_label.png shows images
with their probabilities.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)

NAMES = ["X", "O"]


def halves(count, seed):
    """Images of two halves, each empty or with a letter, and targets (count, 2)."""
    letters, labels = cnnx.data.xo(2 * count, seed=seed)
    is_empty = np.random.default_rng(seed).random(2 * count) < 0.5
    letters[is_empty] = letters[is_empty].mean(axis=(1, 2, 3), keepdims=True)
    present = np.eye(2, dtype=np.float32)[labels] * ~is_empty[:, np.newaxis]
    images = np.concatenate([letters[:count], letters[count:]], axis=2)
    return images, np.maximum(present[:count], present[count:])


x, y = halves(3000, seed=1)
test_x, test_y = halves(500, seed=2)

model = cnnx.models.small((32, 64, 1), NAMES)
trainer = cnnx.Trainer(
    model,
    loss=cnnx.BinaryCrossEntropy(),
    optimizer=cnnx.Adam(2e-3),
    schedule=cnnx.CosineDecay(),
)
trainer.fit(x, y, epochs=8)

probabilities = model.predict_proba(test_x)  # the sigmoid of each output
correct = (probabilities > 0.5) == (test_y == 1)
for name, accuracy in zip(NAMES, correct.mean(axis=0), strict=True):
    print(f"{name}: {accuracy:.1%}")
print(f"both labels correct: {correct.all(axis=1).mean():.1%}")

figure, axes = plt.subplots(2, 4, figsize=(7, 2.6), layout="constrained")
for axis, image, row in zip(axes.flat, test_x, probabilities, strict=False):
    axis.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255)
    title = "   ".join(f"{name} {p:.0%}" for name, p in zip(NAMES, row, strict=True))
    axis.set_title(title, fontsize=8)
    axis.axis("off")
figure.savefig(out / "multi_label.png", dpi=64)
