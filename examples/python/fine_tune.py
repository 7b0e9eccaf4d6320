"""
Fine-tune a trained network
===========================

A trained network learns other classes from few images, and beats a network with random weights.

The network learns eight letters from 4,000 images. Then it gets a new last layer for three other
letters and 12 images of each. Needs Pillow, which draws the letters: ``pip install 'cnnx[cli]'``.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

# %%
# The images are letters of random size, place, angle, width and brightness, in noise. A stroke is a
# list of points on a grid of 3 x 3, row and column: 00 is the top left.

LETTERS = {
    **{"E": "02-00-20-22 10-12", "F": "02-00-20 10-12", "H": "00-20 02-22 10-12"},
    **{"K": "00-20 02-10-22", "N": "20-00-22-02", "V": "00-21-02", "X": "00-22 02-20"},
    **{"Y": "00-11-02 11-21", "L": "00-20-22", "T": "00-02 01-21", "Z": "00-02-20-22"},
}
NEW = ["L", "T", "Z"]
OLD = [name for name in LETTERS if name not in NEW]


def letters(names, count, seed):
    """Images of letters, with labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % len(names)
    images = np.empty((count, 32, 32, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        paper, ink = random.uniform(0, 90), random.uniform(130, 255)
        canvas = Image.new("L", (32, 32), round(paper))
        size = random.uniform(10, 22, 2)
        corner = random.uniform(3, 29 - size)
        width = int(random.integers(1, 4))
        for stroke in LETTERS[names[label]].split():
            points = [corner + size * (int(p[1]) / 2, int(p[0]) / 2) for p in stroke.split("-")]
            ImageDraw.Draw(canvas).line([tuple(p) for p in points], round(ink), width)
        turned = canvas.rotate(random.uniform(-25, 25), fillcolor=round(paper))
        image[:, :, 0] = (np.asarray(turned) + random.normal(0, 12, (32, 32))).clip(0, 255)
    return images, labels


# %%
# The network learns the old letters first.

base = cnnx.models.small((32, 32, 1), OLD)
trainer = cnnx.Trainer(base, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
trainer.fit(*letters(OLD, 4000, seed=1), epochs=8)

# %%
# ``with_classes`` gives it a new last layer for the new letters. ``FineTuning`` trains this layer
# alone for 20 epochs, then all layers at a tenth of the learning rate. Five draws of the 36 images
# show how much the accuracy varies.

test = letters(NEW, 600, seed=0)


def accuracy(model, few, callbacks=()):
    """Test accuracy after training on few images."""
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(3e-3))
    trainer.fit(*few, epochs=40, batch_size=12, callbacks=callbacks)
    return trainer.evaluate(*test)["accuracy"]


scores = {"random weights": [], "fine-tuned": []}
for draw in range(1, 6):
    few = letters(NEW, 36, seed=draw)
    untrained = cnnx.models.small((32, 32, 1), NEW, seed=draw)
    scores["random weights"].append(accuracy(untrained, few))
    tuned = base.with_classes(NEW, seed=draw)
    two_phases = cnnx.callbacks.FineTuning(head_epochs=20)
    scores["fine-tuned"].append(accuracy(tuned, few, [two_phases]))
for name, values in scores.items():
    print(f"{name}: {np.mean(values):.1%}")

# %%
# Left one image of each new letter, right the test accuracies of the five draws.

figure, axes = plt.subplots(1, 4, figsize=(7, 2.2), layout="constrained", width_ratios=(1, 1, 1, 2))
for axis, image, name in zip(axes, test[0], NEW, strict=False):
    axis.imshow(image[:, :, 0], cmap="gray")
    axis.set_title(name)
    axis.axis("off")
for place, values in enumerate(scores.values()):
    axes[3].plot(values, [place] * len(values), "o", alpha=0.6)
axes[3].set(yticks=range(len(scores)), yticklabels=scores, ylim=(-0.5, 1.5), xlabel="test accuracy")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "fine_tune.png", dpi=72)
