"""Ready-made networks as functions that build a `Model` from the public layers."""

from cnnx.models.convnext import convnext_tiny
from cnnx.models.efficientnet import efficientnet_lite0
from cnnx.models.fast_cifar import fast_cifar, fast_cifar_recipe
from cnnx.models.fcn import resnet18_fcn
from cnnx.models.mobilenet import mobilenet_v2
from cnnx.models.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from cnnx.models.plain import lenet5, small
from cnnx.models.resnet import resnet18, resnet20, resnet32, resnet34, resnet50, resnet56
from cnnx.models.squeezenet import squeezenet1_1
from cnnx.models.unet import unet
from cnnx.models.vgg import vgg11

__all__ = [
    "convnext_tiny",
    "efficientnet_lite0",
    "fast_cifar",
    "fast_cifar_recipe",
    "lenet5",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "resnet18",
    "resnet18_fcn",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet56",
    "small",
    "squeezenet1_1",
    "unet",
    "vgg11",
]
