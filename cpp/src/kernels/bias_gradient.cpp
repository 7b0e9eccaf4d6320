// Sums of a gradient over all pixels, per channel.
#include "kernels/bias_gradient.h"

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <bool kWhole>
CNNX_INLINE Vector load_channels(const float* source, int64_t channels) {
  return kWhole ? load(source) : load_partial(source, channels);
}

template <bool kWhole>
CNNX_INLINE void add_vector(const float* gradient, int64_t rows, int64_t columns, int64_t step,
                            int64_t channels, int64_t chain_floats, float* sums) {
  Vector chain[kBiasChains];
  CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) chain[i] = load(sums + i * chain_floats);
  for (int64_t r = 0; r < rows; ++r) {
    int64_t q = 0;
    for (; q + kBiasChains <= columns; q += kBiasChains, gradient += kBiasChains * step) {
      CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) chain[i] +=
          load_channels<kWhole>(gradient + i * step, channels);
    }
    CNNX_UNROLL for (int i = 0; i < kBiasChains - 1; ++i) {
      if (q + i < columns) {
        chain[i] += load_channels<kWhole>(gradient, channels);
        gradient += step;
      }
    }
  }
  CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) store(sums + i * chain_floats, chain[i]);
}

}  // namespace

void add_bias_gradient(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                       float* sums) {
  const int64_t chain_floats = bias_sums_floats(channels) / kBiasChains;
  for (int64_t c = 0; c < channels; c += kLanes) {
    if (channels - c >= kLanes) {
      add_vector<true>(gradient + c, rows, columns, channels, kLanes, chain_floats, sums + c);
    } else {
      add_vector<false>(gradient + c, rows, columns, channels, channels - c, chain_floats,
                        sums + c);
    }
  }
}

void reduce_bias_gradient(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t channels,
                          bool accumulate, float* target) {
  const int64_t chain_floats = bias_sums_floats(channels) / kBiasChains;
  for (int64_t c = 0; c < channels; ++c) {
    float total = 0.0f;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (int64_t i = 0; i < kBiasChains; ++i)
        total += sums[chunk * chunk_floats + i * chain_floats + c];
    }
    target[c] = accumulate ? target[c] + total : total;
  }
}

}  // namespace CNNX_ISA
}  // namespace cnnx
