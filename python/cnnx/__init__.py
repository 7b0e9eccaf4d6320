"""cnnx trains and runs convolutional neural networks on a CPU.

Everything below is loaded on first use, so that ``import cnnx`` and ``python -m cnnx --cmake-dir``
cost next to nothing.

Example:
    >>> import cnnx
    >>> x, y = cnnx.data.xo(256, seed=1)
    >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
    >>> history = cnnx.Trainer(model).fit(x, y, epochs=1)
    >>> model.predict(x).shape
    (256,)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnx import callbacks as callbacks
    from cnnx import data as data
    from cnnx import metrics as metrics
    from cnnx import models as models
    from cnnx import ops as ops
    from cnnx._core import FormatError as FormatError
    from cnnx._core import get_num_threads as get_num_threads
    from cnnx._core import has_openmp as has_openmp
    from cnnx._core import has_threads as has_threads
    from cnnx._core import isa as isa
    from cnnx._core import set_num_threads as set_num_threads
    from cnnx._core import version as __version__
    from cnnx.history import History as History
    from cnnx.layers import GELU as GELU
    from cnnx.layers import AdaptiveAvgPool2d as AdaptiveAvgPool2d
    from cnnx.layers import Add as Add
    from cnnx.layers import AvgPool2d as AvgPool2d
    from cnnx.layers import BatchNorm2d as BatchNorm2d
    from cnnx.layers import Concat as Concat
    from cnnx.layers import Conv2d as Conv2d
    from cnnx.layers import ConvTranspose2d as ConvTranspose2d
    from cnnx.layers import Dense as Dense
    from cnnx.layers import Dropout as Dropout
    from cnnx.layers import Flatten as Flatten
    from cnnx.layers import GlobalAvgPool2d as GlobalAvgPool2d
    from cnnx.layers import GroupNorm as GroupNorm
    from cnnx.layers import HardSwish as HardSwish
    from cnnx.layers import Input as Input
    from cnnx.layers import Layer as Layer
    from cnnx.layers import LayerNorm as LayerNorm
    from cnnx.layers import LeakyReLU as LeakyReLU
    from cnnx.layers import MaxPool2d as MaxPool2d
    from cnnx.layers import Multiply as Multiply
    from cnnx.layers import Parallel as Parallel
    from cnnx.layers import PReLU as PReLU
    from cnnx.layers import ReLU as ReLU
    from cnnx.layers import ReLU6 as ReLU6
    from cnnx.layers import Residual as Residual
    from cnnx.layers import Sigmoid as Sigmoid
    from cnnx.layers import SiLU as SiLU
    from cnnx.layers import Softmax as Softmax
    from cnnx.layers import Tanh as Tanh
    from cnnx.layers import Upsample2d as Upsample2d
    from cnnx.layers import ZeroPad2d as ZeroPad2d
    from cnnx.learning_rate_range import lr_find as lr_find
    from cnnx.losses import L1 as L1
    from cnnx.losses import MSE as MSE
    from cnnx.losses import BinaryCrossEntropy as BinaryCrossEntropy
    from cnnx.losses import CrossEntropy as CrossEntropy
    from cnnx.losses import Huber as Huber
    from cnnx.model import Model as Model
    from cnnx.model import load as load
    from cnnx.optimizers import SGD as SGD
    from cnnx.optimizers import Adam as Adam
    from cnnx.optimizers import AdamW as AdamW
    from cnnx.optimizers import Muon as Muon
    from cnnx.optimizers import ParameterRule as ParameterRule
    from cnnx.optimizers import RMSprop as RMSprop
    from cnnx.preprocessing import Preprocessing as Preprocessing
    from cnnx.schedules import CosineDecay as CosineDecay
    from cnnx.schedules import OneCycle as OneCycle
    from cnnx.schedules import Plateau as Plateau
    from cnnx.schedules import StepDecay as StepDecay
    from cnnx.schedules import Triangular as Triangular
    from cnnx.schedules import Warmup as Warmup
    from cnnx.trainer import Trainer as Trainer
    from cnnx.weight_average import WeightAverage as WeightAverage

# Public name -> the module it lives in; modules map to themselves.
_HOME = {
    "callbacks": "cnnx.callbacks",
    "data": "cnnx.data",
    "metrics": "cnnx.metrics",
    "models": "cnnx.models",
    "ops": "cnnx.ops",
    "FormatError": "cnnx._core",
    "get_num_threads": "cnnx._core",
    "has_openmp": "cnnx._core",
    "has_threads": "cnnx._core",
    "isa": "cnnx._core",
    "set_num_threads": "cnnx._core",
    "History": "cnnx.history",
    "AvgPool2d": "cnnx.layers",
    "ReLU6": "cnnx.layers",
    "GlobalAvgPool2d": "cnnx.layers",
    "Residual": "cnnx.layers",
    "Parallel": "cnnx.layers",
    "Multiply": "cnnx.layers",
    "Input": "cnnx.layers",
    "Concat": "cnnx.layers",
    "Add": "cnnx.layers",
    "BatchNorm2d": "cnnx.layers",
    "GroupNorm": "cnnx.layers",
    "LayerNorm": "cnnx.layers",
    "Conv2d": "cnnx.layers",
    "ConvTranspose2d": "cnnx.layers",
    "Dense": "cnnx.layers",
    "Dropout": "cnnx.layers",
    "AdaptiveAvgPool2d": "cnnx.layers",
    "Upsample2d": "cnnx.layers",
    "ZeroPad2d": "cnnx.layers",
    "Flatten": "cnnx.layers",
    "Layer": "cnnx.layers",
    "LeakyReLU": "cnnx.layers",
    "MaxPool2d": "cnnx.layers",
    "PReLU": "cnnx.layers",
    "ReLU": "cnnx.layers",
    "Sigmoid": "cnnx.layers",
    "Softmax": "cnnx.layers",
    "Tanh": "cnnx.layers",
    "lr_find": "cnnx.learning_rate_range",
    "GELU": "cnnx.layers",
    "SiLU": "cnnx.layers",
    "HardSwish": "cnnx.layers",
    "BinaryCrossEntropy": "cnnx.losses",
    "CrossEntropy": "cnnx.losses",
    "Huber": "cnnx.losses",
    "L1": "cnnx.losses",
    "MSE": "cnnx.losses",
    "Model": "cnnx.model",
    "load": "cnnx.model",
    "Adam": "cnnx.optimizers",
    "AdamW": "cnnx.optimizers",
    "Muon": "cnnx.optimizers",
    "ParameterRule": "cnnx.optimizers",
    "RMSprop": "cnnx.optimizers",
    "SGD": "cnnx.optimizers",
    "Preprocessing": "cnnx.preprocessing",
    "CosineDecay": "cnnx.schedules",
    "OneCycle": "cnnx.schedules",
    "Plateau": "cnnx.schedules",
    "StepDecay": "cnnx.schedules",
    "Triangular": "cnnx.schedules",
    "Warmup": "cnnx.schedules",
    "Trainer": "cnnx.trainer",
    "WeightAverage": "cnnx.weight_average",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = importlib.import_module("cnnx._core").version
    elif name in _HOME:
        module = importlib.import_module(_HOME[name])
        value = module if _HOME[name] == f"cnnx.{name}" else getattr(module, name)
    else:
        raise AttributeError(f"module 'cnnx' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
