"""The losses of a `Trainer`."""

from cnnx.training.custom_loss import Custom
from cnnx.training.loss import Loss
from cnnx.training.loss_sum import Sum
from cnnx.training.losses import L1, MSE, BinaryCrossEntropy, CrossEntropy, Huber
from cnnx.training.segmentation_losses import Dice, Focal, Tversky

__all__ = [
    "L1",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Custom",
    "Dice",
    "Focal",
    "Huber",
    "Loss",
    "Sum",
    "Tversky",
]
