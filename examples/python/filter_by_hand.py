"""
A filter by hand
================

A convolution lines a filter up with a patch of the image, multiplies, and adds.

A filter is a small image of a pattern, here a diagonal stroke of 3 x 3 pixels. Bright
pixels of image and filter are 1, dark pixels -1, so that equal pixels multiply to 1 and different
pixels to -1.
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np

LETTERS = {
    "X": """
        .........
        .#.....#.
        ..#...#..
        ...#.#...
        ....#....
        ...#.#...
        ..#...#..
        .#.....#.
        .........""",
    "O": """
        .........
        ...###...
        ..#...#..
        .#.....#.
        .#.....#.
        .#.....#.
        ..#...#..
        ...###...
        .........""",
}
images = {
    name: np.array([[1.0 if dot == "#" else -1.0 for dot in row] for row in rows.split()])
    for name, rows in LETTERS.items()
}
diagonal = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])

# %%
# One position: line up, multiply, add. On a stroke of the X all nine products are 1, and their sum
# is 9, the largest possible value.

row, column = 1, 1
patch = images["X"][row : row + 3, column : column + 3]
products = patch * diagonal
print("the products on a stroke of the X:")
print(products.astype(int))
print(f"their sum: {products.sum():.0f}")

# %%
# All positions: the same in two loops. The result is a feature map. It is large where the image has
# the pattern.


def convolve(image, kernel):
    """The sum of products at every position of the kernel within the image."""
    size = len(kernel)
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    result = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            result[i, j] = (image[i : i + size, j : j + size] * kernel).sum()
    return result


maps = {name: convolve(image, diagonal) for name, image in images.items()}

# %%
# ``cnnx.ops.conv2d`` computes the same numbers, for a batch of images with channels and for many
# filters at once. Images are (batch, height, width, channels), filters (height, width, channels in,
# channels out).

batch = np.stack(list(images.values()))[..., np.newaxis]
computed = cnnx.ops.conv2d(batch, diagonal[:, :, np.newaxis, np.newaxis])[..., 0]
difference = np.abs(computed - np.stack(list(maps.values()))).max()
print(f"largest difference from conv2d: {difference:g}")
for name, values in maps.items():
    print(f"{name}: {(values == 9).sum()} positions with 9, mean {values.mean():.2f}")

# %%
# The map of the X is 9 along one of its strokes. The O has short diagonal strokes, so its map
# reaches 9 less often. A network learns such filters, and the layers after it combine their maps.

figure, axes = plt.subplots(
    1, 5, figsize=(8.6, 2.2), layout="constrained", width_ratios=(1, 0.5, 1.3, 1, 1.3)
)
panels = {
    "X": images["X"],
    "filter": diagonal,
    "map of the X": maps["X"],
    "O": images["O"],
    "map of the O": maps["O"],
}
for axis, (title, values) in zip(axes, panels.items(), strict=True):
    is_map = title.startswith("map")
    limit = 9 if is_map else 1
    axis.imshow(values, cmap="RdBu_r" if is_map else "gray", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
    axis.set(xticks=[], yticks=[])
    if is_map:
        for (i, j), value in np.ndenumerate(values):
            colour = "white" if abs(value) > 6 else "black"
            axis.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=8, color=colour)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "filter_by_hand.png", dpi=72)
