// Channel shuffle: the compiler turns the loops of constant numbers of groups into vectors.
#include "kernels/channel_shuffle.h"

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Calls body with the number of groups as a constant for those of ShuffleNet.
template <class Body>
CNNX_INLINE void with_constant_groups(int64_t groups, const Body& body) {
  if (groups == 2) {
    body(2);
  } else if (groups == 3) {
    body(3);
  } else if (groups == 4) {
    body(4);
  } else {
    body(groups);
  }
}

void shuffle(const float* x, int64_t rows, int64_t groups, int64_t group_channels, float* output) {
  const auto shuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict source = x + row * count * group_channels;
      float* __restrict target = output + row * count * group_channels;
      for (int64_t j = 0; j < group_channels; ++j) {
        for (int64_t group = 0; group < count; ++group)
          target[j * count + group] = source[group * group_channels + j];
      }
    }
  };
  with_constant_groups(groups, shuffle_rows);
}

void unshuffle(const float* x, int64_t rows, int64_t groups, int64_t group_channels,
               bool accumulate, float* output) {
  const auto unshuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < rows; ++row) {
      const float* __restrict source = x + row * count * group_channels;
      float* __restrict target = output + row * count * group_channels;
      for (int64_t group = 0; group < count; ++group) {
        for (int64_t j = 0; j < group_channels; ++j) {
          float& each = target[group * group_channels + j];
          each = accumulate ? each + source[j * count + group] : source[j * count + group];
        }
      }
    }
  };
  with_constant_groups(groups, unshuffle_rows);
}

}  // namespace

const ChannelShuffleKernels channel_shuffle_kernels = {shuffle};
const ChannelShuffleGradientKernels channel_shuffle_gradient_kernels = {unshuffle};

}  // namespace CNNX_ISA
}  // namespace cnnx
