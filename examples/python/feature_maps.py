"""
Feature maps, layer by layer
============================

The output of every layer for an image, on the way from pixels to a class.

``layer_outputs`` returns these arrays by name. After a convolution and its ReLU, each channel is a
map that is large where the image has a pattern. Pooling makes the maps smaller and keeps the
largest values. The last layer adds numbers up, with weights, to one output per class.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

x, y = cnnx.data.xo(4000, seed=1)
model = cnnx.models.small((32, 32, 1), ["X", "O"])
trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3), schedule=cnnx.CosineDecay())
trainer.fit(x, y, epochs=6)

test_x, test_y = cnnx.data.xo(500, seed=2)
print(f"test accuracy: {trainer.evaluate(test_x, test_y)['accuracy']:.1%}")

# %%
# The shapes of one image: (height, width, channels), then a list of numbers.

images = test_x[[np.flatnonzero(test_y == label)[0] for label in (0, 1)]]
outputs = model.layer_outputs(images)
for name, values in outputs.items():
    print(f"{name:>14}: {values.shape[1:]}")

# %%
# The last layer by hand: the 64 numbers before it times its weights, plus its bias, are the outputs
# of the model.

weights, bias = model.parameters["dense_2.weight"], model.parameters["dense_2.bias"]
by_hand = outputs["relu_3"] @ weights + bias
print(f"largest difference of the outputs: {np.abs(by_hand - model(images)).max():.1e}")

# %%
# From left to right: the image, the four strongest maps of each stage, and the probabilities. A row
# per image.

STAGES = ["relu_1", "max_pool2d_1", "relu_2", "max_pool2d_2"]
probabilities = model.predict_proba(images)

figure = plt.figure(figsize=(7, 2.4), layout="constrained")
for part, row in zip(figure.subfigures(2, 1), range(2), strict=True):
    columns = part.subfigures(1, 6, width_ratios=(1, 1, 1, 1, 1, 0.7))
    axis = columns[0].subplots()
    axis.imshow(images[row, :, :, 0], cmap="gray")
    axis.axis("off")
    for column, stage in zip(columns[1:5], STAGES, strict=True):
        maps = outputs[stage][row]
        strongest = maps.mean(axis=(0, 1)).argsort()[::-1][:4]
        for axis, channel in zip(column.subplots(2, 2).flat, strongest, strict=True):
            axis.imshow(maps[:, :, channel], cmap="magma", interpolation="nearest")
            axis.axis("off")
        if row == 0:
            column.suptitle(stage, fontsize=9)
    axis = columns[5].subplots()
    axis.bar(model.classes, probabilities[row])
    axis.set(ylim=(0, 1), yticks=[0, 1])

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "feature_maps.png", dpi=72)
