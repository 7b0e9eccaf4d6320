"""Public names of cnnx, read by type checkers and, at run time, by `__init__.py`."""

from cnnx import callbacks as callbacks
from cnnx import data as data
from cnnx import distributed as distributed
from cnnx import doctor as doctor
from cnnx import evaluation as evaluation
from cnnx import explain as explain
from cnnx import layers as layers
from cnnx import losses as losses
from cnnx import metrics as metrics
from cnnx import models as models
from cnnx import onnx as onnx
from cnnx import ops as ops
from cnnx import playground as playground
from cnnx import plot as plot
from cnnx import quantization as quantization
from cnnx import report as report
from cnnx import sklearn as sklearn
from cnnx import weights as weights
from cnnx._core import FormatError as FormatError
from cnnx._core import __version__ as __version__
from cnnx.advice import Warning as Warning  # noqa: A004
from cnnx.layers.activations import *
from cnnx.layers.base import Layer as Layer
from cnnx.layers.base import Symbol as Symbol
from cnnx.layers.blocks import *
from cnnx.layers.convolution import *
from cnnx.layers.dense import *
from cnnx.layers.dropout import *
from cnnx.layers.graph import Input as Input
from cnnx.layers.merge import *
from cnnx.layers.normalisation import *
from cnnx.layers.parameter import *
from cnnx.layers.pooling import *
from cnnx.layers.quantization import *
from cnnx.layers.shape import *
from cnnx.model.heads import Head as Head
from cnnx.model.layer_view import ModelLayer as ModelLayer
from cnnx.model.model import Model as Model
from cnnx.model.model import load as load
from cnnx.model.parameters import Parameters as Parameters
from cnnx.preprocessing import Preprocessing as Preprocessing
from cnnx.quantization.quantizing import quantize as quantize
from cnnx.runtime import get_num_threads as get_num_threads
from cnnx.runtime import has_native_bfloat16 as has_native_bfloat16
from cnnx.runtime import has_openmp as has_openmp
from cnnx.runtime import has_threads as has_threads
from cnnx.runtime import integer_isa as integer_isa
from cnnx.runtime import isa as isa
from cnnx.runtime import set_num_threads as set_num_threads
from cnnx.runtime import use_threads as use_threads
from cnnx.training.history import History as History
from cnnx.training.history import Progress as Progress
from cnnx.training.learning_rate_range import LearningRateRange as LearningRateRange
from cnnx.training.learning_rate_range import lr_find as lr_find
from cnnx.training.loss import Loss as Loss
from cnnx.training.losses import L1 as L1
from cnnx.training.losses import MSE as MSE
from cnnx.training.losses import BinaryCrossEntropy as BinaryCrossEntropy
from cnnx.training.losses import CrossEntropy as CrossEntropy
from cnnx.training.losses import Huber as Huber
from cnnx.training.optimizers import SGD as SGD
from cnnx.training.optimizers import Adam as Adam
from cnnx.training.optimizers import AdamW as AdamW
from cnnx.training.optimizers import Muon as Muon
from cnnx.training.optimizers import Optimizer as Optimizer
from cnnx.training.optimizers import ParameterRule as ParameterRule
from cnnx.training.optimizers import RMSprop as RMSprop
from cnnx.training.profile import LayerTime as LayerTime
from cnnx.training.profile import Profile as Profile
from cnnx.training.schedules import CosineDecay as CosineDecay
from cnnx.training.schedules import OneCycle as OneCycle
from cnnx.training.schedules import Plateau as Plateau
from cnnx.training.schedules import Schedule as Schedule
from cnnx.training.schedules import StepDecay as StepDecay
from cnnx.training.schedules import Triangular as Triangular
from cnnx.training.schedules import Warmup as Warmup
from cnnx.training.trainer import Trainer as Trainer
from cnnx.training.weight_average import WeightAverage as WeightAverage
