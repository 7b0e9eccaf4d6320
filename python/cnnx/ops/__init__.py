"""Layers and losses as functions on arrays, forward and backward.

Images are (batch, height, width, channels), convolution weights (kernel_height, kernel_width,
in_channels / groups, out_channels), dense weights (in_features, out_features). Arrays of any real
dtype are converted to float32 once; results are float32.
"""

from cnnx.ops.activations import *
from cnnx.ops.adaptive_avg_pool2d import adaptive_avg_pool2d as adaptive_avg_pool2d
from cnnx.ops.adaptive_avg_pool2d import (
    adaptive_avg_pool2d_backward as adaptive_avg_pool2d_backward,
)
from cnnx.ops.adaptive_avg_pool2d import global_avg_pool2d as global_avg_pool2d
from cnnx.ops.adaptive_avg_pool2d import global_avg_pool2d_backward as global_avg_pool2d_backward
from cnnx.ops.avg_pool2d import avg_pool2d as avg_pool2d
from cnnx.ops.avg_pool2d import avg_pool2d_backward as avg_pool2d_backward
from cnnx.ops.batch_norm2d import batch_norm2d as batch_norm2d
from cnnx.ops.batch_norm2d import batch_norm2d_backward as batch_norm2d_backward
from cnnx.ops.batch_norm2d import batch_norm2d_training as batch_norm2d_training
from cnnx.ops.binary_cross_entropy import binary_cross_entropy as binary_cross_entropy
from cnnx.ops.binary_cross_entropy import (
    binary_cross_entropy_backward as binary_cross_entropy_backward,
)
from cnnx.ops.channel_shuffle import channel_shuffle as channel_shuffle
from cnnx.ops.channel_shuffle import channel_shuffle_backward as channel_shuffle_backward
from cnnx.ops.conv2d import conv2d as conv2d
from cnnx.ops.conv2d import conv2d_backward as conv2d_backward
from cnnx.ops.conv_transpose2d import conv_transpose2d as conv_transpose2d
from cnnx.ops.conv_transpose2d import conv_transpose2d_backward as conv_transpose2d_backward
from cnnx.ops.crop2d import crop2d as crop2d
from cnnx.ops.crop2d import crop2d_backward as crop2d_backward
from cnnx.ops.cross_entropy import cross_entropy as cross_entropy
from cnnx.ops.cross_entropy import cross_entropy_backward as cross_entropy_backward
from cnnx.ops.dense import dense as dense
from cnnx.ops.dense import dense_backward as dense_backward
from cnnx.ops.depth_to_space import depth_to_space as depth_to_space
from cnnx.ops.depth_to_space import depth_to_space_backward as depth_to_space_backward
from cnnx.ops.depth_to_space import space_to_depth as space_to_depth
from cnnx.ops.depth_to_space import space_to_depth_backward as space_to_depth_backward
from cnnx.ops.global_response_norm import global_response_norm as global_response_norm
from cnnx.ops.global_response_norm import (
    global_response_norm_backward as global_response_norm_backward,
)
from cnnx.ops.group_norm import group_norm as group_norm
from cnnx.ops.group_norm import group_norm_backward as group_norm_backward
from cnnx.ops.group_norm import layer_norm as layer_norm
from cnnx.ops.group_norm import layer_norm_backward as layer_norm_backward
from cnnx.ops.l2_norm import l2_norm as l2_norm
from cnnx.ops.l2_norm import l2_norm_backward as l2_norm_backward
from cnnx.ops.l2_norm import rms_norm as rms_norm
from cnnx.ops.l2_norm import rms_norm_backward as rms_norm_backward
from cnnx.ops.lrn import lrn as lrn
from cnnx.ops.lrn import lrn_backward as lrn_backward
from cnnx.ops.max_pool2d import max_pool2d as max_pool2d
from cnnx.ops.max_pool2d import max_pool2d_backward as max_pool2d_backward
from cnnx.ops.pad2d import pad2d as pad2d
from cnnx.ops.pad2d import pad2d_backward as pad2d_backward
from cnnx.ops.parameter import parameter as parameter
from cnnx.ops.parameter import parameter_backward as parameter_backward
from cnnx.ops.prelu import prelu as prelu
from cnnx.ops.prelu import prelu_backward as prelu_backward
from cnnx.ops.quantize import quantize as quantize
from cnnx.ops.quantize import quantize_backward as quantize_backward
from cnnx.ops.regression_losses import huber as huber
from cnnx.ops.regression_losses import huber_backward as huber_backward
from cnnx.ops.regression_losses import mean_absolute_error as mean_absolute_error
from cnnx.ops.regression_losses import mean_absolute_error_backward as mean_absolute_error_backward
from cnnx.ops.regression_losses import mean_squared_error as mean_squared_error
from cnnx.ops.regression_losses import mean_squared_error_backward as mean_squared_error_backward
from cnnx.ops.scale2d import scale2d as scale2d
from cnnx.ops.scale2d import scale2d_backward as scale2d_backward
from cnnx.ops.slice_channels import slice_channels as slice_channels
from cnnx.ops.slice_channels import slice_channels_backward as slice_channels_backward
from cnnx.ops.softmax import log_softmax as log_softmax
from cnnx.ops.softmax import log_softmax_backward as log_softmax_backward
from cnnx.ops.softmax import softmax as softmax
from cnnx.ops.softmax import softmax_backward as softmax_backward
from cnnx.ops.upsample2d import upsample2d as upsample2d
from cnnx.ops.upsample2d import upsample2d_backward as upsample2d_backward
from cnnx.ops.zero_pad2d import zero_pad2d as zero_pad2d
from cnnx.ops.zero_pad2d import zero_pad2d_backward as zero_pad2d_backward
