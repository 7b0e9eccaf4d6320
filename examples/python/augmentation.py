"""
Augment few images
==================

Random shifts, rotations and scales make a small training set larger: every epoch is different.

Augmented images are computed during the training and never stored. They depend only on the seed,
the epoch and the index of the image.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt

x, y = cnnx.data.xo(200, seed=1)
test = cnnx.data.xo(1000, seed=2)

augmentation = cnnx.data.Augmentation(
    flip="random", rotate=15, scale=(0.8, 1.2), shift=4, border="reflect", contrast=0.3
)

# %%
# The same network and 200 images, without and with augmentation.

histories = {}
for name, each in {"original images": None, "augmented images": augmentation}.items():
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
    histories[name] = trainer.fit(x, y, epochs=60, augmentation=each, validation=test)
    print(f"{name}: {histories[name].validation_accuracy[-1]:.1%}")

# %%
# Left: an image and its variants in eight epochs. Right: the test accuracy after each epoch.

figure = plt.figure(figsize=(7, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
variants = [augmentation.apply(x, epoch=epoch)[0] for epoch in range(8)]
for axis, image in zip(left.subplots(3, 3).flat, [x[0], *variants], strict=True):
    axis.imshow(image[:, :, 0], cmap="gray", interpolation="nearest")
    axis.axis("off")
axis = right.subplots()
for name, history in histories.items():
    axis.plot(range(1, len(history) + 1), history.validation_accuracy, label=name)
axis.set(xlabel="epoch", ylabel="test accuracy")
axis.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "augmentation.png", dpi=72)
