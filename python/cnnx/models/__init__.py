"""Ready-made networks as functions that build a `Model` from the public layers."""

from cnnx.models.fast_cifar import fast_cifar, fast_cifar_recipe
from cnnx.models.mobilenet import mobilenet_v2
from cnnx.models.plain import lenet5, small
from cnnx.models.resnet import resnet18, resnet20, resnet32, resnet56
from cnnx.models.vgg import vgg11

__all__ = [
    "fast_cifar",
    "fast_cifar_recipe",
    "lenet5",
    "mobilenet_v2",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet56",
    "small",
    "vgg11",
]
