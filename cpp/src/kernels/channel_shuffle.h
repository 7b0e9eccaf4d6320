// Inner loops of the channel shuffle.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct ChannelShuffleKernels {
  // Channel j of group g becomes channel j * groups + g of each row.
  void (*shuffle)(const float* x, int64_t rows, int64_t groups, int64_t group_channels,
                  float* output);
};

struct ChannelShuffleGradientKernels {
  // Back again, adding to the result with `accumulate`.
  void (*unshuffle)(const float* x, int64_t rows, int64_t groups, int64_t group_channels,
                    bool accumulate, float* output);
};

CNNX_DECLARE_KERNELS(ChannelShuffleKernels, channel_shuffle_kernels)
CNNX_DECLARE_KERNELS(ChannelShuffleGradientKernels, channel_shuffle_gradient_kernels)

}  // namespace cnnx
