// Inner loops of a scale and a shift per channel.
#pragma once

#include "kernels/channelwise.h"

namespace cnnx {

struct Scale2dKernels {
  ChannelwiseKernels with_bias, without_bias;  // the parameters are the weight and the bias
};

CNNX_DECLARE_KERNELS(Scale2dKernels, scale2d_kernels)

}  // namespace cnnx
