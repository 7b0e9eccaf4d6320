"""Explanations of predictions: which pixels of an image decide for a class.

Maps of a network's last convolutions: `grad_cam`, `hires_cam`, `score_cam`. Attributions of pixels:
`saliency`, `smooth_grad`, `integrated_gradients`, `occlusion`. The maps themselves: `feature_maps`.
All return arrays of the images' height and width, and the same bits on any number of threads.
`walkthrough` returns a page that follows an image through every stage of a network.
"""

from cnnx.explain.activation_maps import feature_maps, grad_cam, hires_cam, score_cam
from cnnx.explain.pixel_attributions import (
    integrated_gradients,
    occlusion,
    saliency,
    smooth_grad,
)
from cnnx.explain.walkthrough import walkthrough

__all__ = [
    "feature_maps",
    "grad_cam",
    "hires_cam",
    "integrated_gradients",
    "occlusion",
    "saliency",
    "score_cam",
    "smooth_grad",
    "walkthrough",
]
