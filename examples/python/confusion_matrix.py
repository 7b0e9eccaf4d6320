"""
Confusion matrix and worst mistakes
===================================

Which classes does a network confuse, and which images does it get most wrong?

A network learns scikit-learn's handwritten digits of 8 x 8 pixels. ``cnnx.evaluation`` measures it
on images that it has not seen. Needs scikit-learn: ``pip install 'cnnx[plot,sklearn]'``.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
x = (digits.images / 16)[..., np.newaxis]
x, y, test_x, test_y = x[:1000], digits.target[:1000], x[1000:], digits.target[1000:]

layers = [
    *(cnnx.Conv2d(16, 3, padding="same"), cnnx.ReLU(), cnnx.MaxPool2d(2)),
    *(cnnx.Conv2d(32, 3, padding="same"), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(10)),
]
model = cnnx.Model(layers, input_shape=(8, 8, 1), classes=[str(digit) for digit in range(10)])
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
trainer.fit(x, y, epochs=15)

# %%
# The interval is a bootstrap interval at 95 %: how much the accuracy depends on these images.

evaluation = cnnx.evaluation.evaluate(model, test_x, test_y)
low, high = evaluation.confidence_interval()
print(f"accuracy: {evaluation.accuracy:.1%} ({low:.1%} to {high:.1%})")
for pair in evaluation.most_confused(3):
    print(f"{pair.count} images of {pair.true} predicted as {pair.predicted}")

# %%
# Left: rows are true digits, columns predicted digits. Right: the images with the largest losses,
# with their label, the prediction and its probability.

figure = plt.figure(figsize=(7.4, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.2, 1))
axis = cnnx.plot.confusion_matrix(evaluation, ax=left.subplots())
axis.tick_params(axis="x", rotation=0)
worst = evaluation.top_losses(9).indices
for axis, index in zip(right.subplots(3, 3).flat, worst, strict=True):
    predicted = evaluation.predicted[index]
    axis.imshow(test_x[index, :, :, 0], cmap="gray")
    axis.set_title(f"{test_y[index]}: {predicted} ({evaluation.confidence[index]:.0%})", fontsize=9)
    axis.axis("off")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "confusion_matrix.png", dpi=72)
