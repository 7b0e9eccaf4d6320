// Inner loops of the channel shuffle.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Rows of the channels of all groups, and the channels [first, last) of each group to be moved.
struct ShuffledRows {
  int64_t rows, groups, group_channels;
  int64_t first, last;
};

// Arrays are of floats, or of bfloat16 as uint16_t.
struct ChannelShuffleKernels {
  // Channel j of group g becomes channel j * groups + g of each row.
  template <class Element>
  using Shuffle = void (*)(const Element* x, ShuffledRows rows, Element* output);
  Shuffle<float> shuffle;
  Shuffle<uint16_t> bfloat16_shuffle;
};

struct ChannelShuffleGradientKernels {
  // Back again, adding to the result with `accumulate`.
  template <class Element>
  using Unshuffle = void (*)(const Element* x, ShuffledRows rows, bool accumulate, Element* output);
  Unshuffle<float> unshuffle;
  Unshuffle<uint16_t> bfloat16_unshuffle;
};

CNNX_DECLARE_KERNELS(ChannelShuffleKernels, channel_shuffle_kernels)
CNNX_DECLARE_KERNELS(ChannelShuffleGradientKernels, channel_shuffle_gradient_kernels)

}  // namespace cnnx
