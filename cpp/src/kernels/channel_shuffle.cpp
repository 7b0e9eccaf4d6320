// Channel shuffle: the compiler turns the loops of constant numbers of groups into vectors.
#include "kernels/channel_shuffle.h"

#include "kernels/bfloat16.h"
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

template <class Element>
void shuffle(const Element* x, int64_t rows, int64_t groups, int64_t group_channels,
             Element* output) {
  const auto shuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < rows; ++row) {
      const Element* __restrict source = x + row * count * group_channels;
      Element* __restrict target = output + row * count * group_channels;
      for (int64_t j = 0; j < group_channels; ++j) {
        for (int64_t group = 0; group < count; ++group)
          target[j * count + group] = source[group * group_channels + j];
      }
    }
  };
  with_constant_groups(groups, shuffle_rows);
}

CNNX_INLINE float sum_of(float a, float b) { return a + b; }
CNNX_INLINE uint16_t sum_of(uint16_t a, uint16_t b) {
  return rounded_to_words(widened(WordVector{a}) + widened(WordVector{b}))[0];
}

template <class Element>
void unshuffle(const Element* x, int64_t rows, int64_t groups, int64_t group_channels,
               bool accumulate, Element* output) {
  const auto unshuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < rows; ++row) {
      const Element* __restrict source = x + row * count * group_channels;
      Element* __restrict target = output + row * count * group_channels;
      for (int64_t group = 0; group < count; ++group) {
        for (int64_t j = 0; j < group_channels; ++j) {
          Element& each = target[group * group_channels + j];
          each = accumulate ? sum_of(each, source[j * count + group]) : source[j * count + group];
        }
      }
    }
  };
  with_constant_groups(groups, unshuffle_rows);
}

}  // namespace

const ChannelShuffleKernels channel_shuffle_kernels = {shuffle<float>, shuffle<uint16_t>};
const ChannelShuffleGradientKernels channel_shuffle_gradient_kernels = {unshuffle<float>,
                                                                        unshuffle<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
