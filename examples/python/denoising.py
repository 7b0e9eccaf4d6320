"""
Remove noise with a U-Net
=========================

A network whose output is an image learns to remove noise, from pairs of noisy and clean images.

A U-Net makes the maps smaller, so that a filter covers a large part of the image, and larger again.
Shortcuts carry the fine maps across (Ronneberger, Fischer, Brox: U-Net: Convolutional networks for
biomedical image segmentation, 2015).
"""

import sys
from pathlib import Path

import cnnx
import matplotlib.pyplot as plt
import numpy as np


def pairs(count, seed):
    """Noisy and clean images, floats from 0 to 1."""
    clean = cnnx.data.xo(count, seed=seed)[0] / 255
    noise = np.random.default_rng(seed).normal(0, 0.25, clean.shape)
    return (clean + noise).clip(0, 1), clean


x, targets = pairs(1000, seed=1)
test_x, test_targets = pairs(200, seed=2)

# %%
# ``Model.from_graph`` builds a network of any topology: a layer is called with the outputs that it
# reads. ``Concat`` joins the enlarged maps and those of the same size. ``Add`` adds the image, so
# that the network has to learn only the correction.


def convolution(channels, maps):
    """A convolution and its ReLU."""
    return cnnx.ReLU()(cnnx.Conv2d(channels, 3, padding="same")(maps))


image = cnnx.Input((32, 32, 1))
fine = convolution(8, image)
middle = convolution(16, cnnx.MaxPool2d(2)(fine))
coarse = convolution(32, cnnx.MaxPool2d(2)(middle))
middle = convolution(16, cnnx.Concat()(cnnx.Upsample2d(2)(coarse), middle))
fine = convolution(8, cnnx.Concat()(cnnx.Upsample2d(2)(middle), fine))
correction = cnnx.Conv2d(1, 3, padding="same")(fine)
model = cnnx.Model.from_graph(image, cnnx.Add()(image, correction))
print(f"{model.input_shape} to {model.output_shape}")

# %%
# The loss is the mean squared error between outputs and clean images.

trainer = cnnx.Trainer(
    model, loss=cnnx.MSE(), optimizer=cnnx.Adam(4e-3), schedule=cnnx.CosineDecay()
)
trainer.fit(x, targets, epochs=12, batch_size=16)
denoised = model.predict(test_x)

# %%
# The peak signal-to-noise ratio (PSNR) tells how close images are to the clean ones. 10 dB more are
# a tenth of the squared error. For comparison, a filter replaces each pixel by the mean of 3 x 3
# pixels.


def psnr(images):
    """Peak signal-to-noise ratio of images from 0 to 1, in dB."""
    return -10 * np.log10(((images - test_targets) ** 2).mean())


edges = np.pad(test_x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
smoothed = cnnx.ops.conv2d(edges, np.full((3, 3, 1, 1), 1 / 9))
print(f"noisy: {psnr(test_x):.1f} dB")
print(f"mean of 3 x 3 pixels: {psnr(smoothed):.1f} dB")
print(f"denoised: {psnr(denoised):.1f} dB")

# %%
# Noisy test images, the outputs for them, and the clean images that the network has not seen.

figure, axes = plt.subplots(3, 6, figsize=(6, 3.2), layout="constrained")
rows = {"noisy": test_x, "denoised": denoised, "clean": test_targets}
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, pixels in zip(line, images, strict=False):
        axis.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
out.mkdir(parents=True, exist_ok=True)
figure.savefig(out / "denoising.png", dpi=72)
