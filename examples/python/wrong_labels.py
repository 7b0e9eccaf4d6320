"""
Find wrong labels
=================

Networks that have not seen an image predict it, and a label that they contradict is suspect.

``cnnx.doctor.suspect_labels`` cross-validates a small network and returns the suspect images, the
most suspect first. Here 40 of 1,000 labels are made wrong, so that the search can be checked.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

NAMES = ["X", "O"]

x, true = cnnx.data.xo(1000, seed=1)
wrong = np.random.default_rng(0).choice(len(true), 40, replace=False)
y = true.copy()
y[wrong] = 1 - y[wrong]

# %%
# The images are split into three folds. Each fold is predicted by a network that was trained on the
# other two. The most suspect labels are those with the lowest probability.

issues = cnnx.doctor.suspect_labels(x, y, seed=0)
is_wrong = np.isin(issues.rows, wrong)
print(f"wrong labels among the first 20 suspects: {is_wrong[:20].sum()}")
print(f"wrong labels among all {len(issues)} suspects: {is_wrong.sum()} of {len(wrong)}")

# %%
# The other suspects are images that the networks find difficult. A person looks at the suspects in
# their order, and stops when few labels are wrong.
#
# Left: the most suspect images with their labels and the suggested classes. Right: the wrong labels
# found by looking at the first suspects, compared with a random order.

figure = plt.figure(figsize=(7.4, 2.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.3, 1))
for axis, row, suggested in zip(
    left.subplots(2, 5).flat, issues.rows, issues.suggested, strict=False
):
    axis.imshow(x[row, :, :, 0], cmap="gray", interpolation="nearest")
    axis.set_title(f"{NAMES[y[row]]}, not {NAMES[suggested]}?", fontsize=8)
    axis.axis("off")
axis = right.subplots()
seen = np.arange(1, len(issues) + 1)
axis.plot(seen, is_wrong.cumsum(), label="suspects")
axis.plot(seen, seen * len(wrong) / len(y), linestyle="--", color="grey", label="random order")
axis.set(xlabel="images looked at", ylabel="wrong labels found")
axis.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "wrong_labels.png", dpi=72)
