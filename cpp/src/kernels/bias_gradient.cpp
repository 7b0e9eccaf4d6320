// Sums of a gradient over all pixels, per channel.
#include "kernels/bias_gradient.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <bool kWhole>
CNNX_INLINE Vector load_channels(const float* source, int64_t channels) {
  return kWhole ? load(source) : load_partial(source, channels);
}

// Vectors of channels at once: as many chains as fit into the registers.
#if defined(CNNX_32_REGISTERS)
constexpr int kVectors = 2;
#else
constexpr int kVectors = 1;
#endif

template <int kCount, bool kWhole>
CNNX_INLINE void add_vectors(const float* gradient, int64_t rows, int64_t columns, int64_t step,
                             int64_t channels, int64_t chain_floats, float* sums) {
  Vector chain[kBiasChains][kCount];
  CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) CNNX_UNROLL for (int v = 0; v < kCount; ++v)
      chain[i][v] = load(sums + i * chain_floats + v * kLanes);
  const auto add = [&](int i) CNNX_INLINED {
    CNNX_UNROLL for (int v = 0; v < kCount; ++v) chain[i][v] +=
        load_channels<kWhole>(gradient + v * kLanes, channels);
    gradient += step;
  };
  for (int64_t r = 0; r < rows; ++r) {
    int64_t q = 0;
    for (; q + kBiasChains <= columns; q += kBiasChains) {
      CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) add(i);
    }
    CNNX_UNROLL for (int i = 0; i < kBiasChains - 1; ++i) {
      if (q + i < columns) add(i);
    }
  }
  CNNX_UNROLL for (int i = 0; i < kBiasChains; ++i) CNNX_UNROLL for (int v = 0; v < kCount; ++v)
      store(sums + i * chain_floats + v * kLanes, chain[i][v]);
}

}  // namespace

void add_bias_gradient(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                       float* sums) {
  const int64_t chain_floats = bias_sums_floats(channels) / kBiasChains;
  int64_t c = 0;
  for (; channels - c >= kVectors * kLanes; c += kVectors * kLanes) {
    add_vectors<kVectors, true>(gradient + c, rows, columns, channels, kLanes, chain_floats,
                                sums + c);
  }
  for (; channels - c >= kLanes; c += kLanes) {
    add_vectors<1, true>(gradient + c, rows, columns, channels, kLanes, chain_floats, sums + c);
  }
  if (c < channels) {
    add_vectors<1, false>(gradient + c, rows, columns, channels, channels - c, chain_floats,
                          sums + c);
  }
}

void reduce_bias_gradient(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t channels,
                          bool accumulate, float* target) {
  const int64_t chain_floats = bias_sums_floats(channels) / kBiasChains;
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector total = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (int64_t i = 0; i < kBiasChains; ++i)
        total += lanes.load(sums + chunk * chunk_floats + i * chain_floats + channel);
    }
    if (accumulate) total += lanes.load(target + channel);
    lanes.store(target + channel, total);
  });
}

}  // namespace CNNX_ISA
}  // namespace cnnx
