// Inner loops of PReLU, whose parameter is a slope per channel.
#pragma once

#include "kernels/channelwise.h"

namespace cnnx {

CNNX_DECLARE_KERNELS(ChannelwiseKernels, prelu_kernels)

}  // namespace cnnx
