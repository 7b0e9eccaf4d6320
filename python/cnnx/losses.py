"""The losses of a `Trainer` beyond those of `cnnx` itself, which are here, too."""

from cnnx.training.custom_loss import Custom
from cnnx.training.loss import Loss as Loss
from cnnx.training.loss_sum import Sum
from cnnx.training.losses import L1 as L1
from cnnx.training.losses import MSE as MSE
from cnnx.training.losses import BinaryCrossEntropy as BinaryCrossEntropy
from cnnx.training.losses import CrossEntropy as CrossEntropy
from cnnx.training.losses import Huber as Huber
from cnnx.training.segmentation_losses import Dice, Focal, Tversky

__all__ = ["Custom", "Dice", "Focal", "Sum", "Tversky"]
