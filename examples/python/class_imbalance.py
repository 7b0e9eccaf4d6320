"""
Class imbalance
===============

With 50 images of X for each image of O, class weights let both classes count the same.

A network that sees an O rarely learns to predict X. Its accuracy looks good on images with the same
imbalance, but it misses most of the O. ``CrossEntropy.balanced`` weights the classes.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

x, y = cnnx.data.xo(4000, seed=1)
of_x, of_o = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
kept = np.concatenate([of_x, of_o[: len(of_x) // 50]])
x, y = x[kept], y[kept]
print(f"training images: {(y == 0).sum()} of X, {(y == 1).sum()} of O")

balanced = cnnx.CrossEntropy.balanced(y)
print(f"class weights: {np.round(balanced.class_weights, 2)}")

# %%
# The test set has as many images of X as of O, so that both kinds of errors count.

test = cnnx.data.xo(1000, seed=2)
evaluations = {}
for name, loss in {"equal weights": cnnx.CrossEntropy(), "balanced": balanced}.items():
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    trainer = cnnx.Trainer(model, loss=loss, optimizer=cnnx.Adam(1e-3))
    trainer.fit(x, y, epochs=6)
    evaluations[name] = cnnx.evaluation.evaluate(model, *test)
    recalls = [each.recall for each in evaluations[name].per_class]
    print(f"{name}: {recalls[0]:.0%} of X found, {recalls[1]:.0%} of O found")

# %%
# Rows are true classes, columns predicted classes.

figure, axes = plt.subplots(1, 2, figsize=(5.4, 3), layout="constrained")
for axis, (name, evaluation) in zip(axes, evaluations.items(), strict=True):
    cnnx.plot.confusion_matrix(evaluation, ax=axis)
    axis.set_title(f"{name}: accuracy {evaluation.accuracy:.0%}", fontsize=10)
    axis.tick_params(axis="x", rotation=0)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "class_imbalance.png", dpi=72)
