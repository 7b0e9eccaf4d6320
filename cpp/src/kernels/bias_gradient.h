// Sums of a gradient over all pixels, per channel, for the bias of conv2d and dense. For kernel
// files only.
#pragma once

#include <stdint.h>

namespace cnnx {

// One sum would wait for the latency of each addition. Eight chains keep the adders busy, and are
// the same eight on every instruction set: column q of an image belongs to chain q % 8.
constexpr int64_t kBiasChains = 8;

// Floats of the chains of one chunk: the channels in whole vectors of the widest instruction set.
constexpr int64_t bias_sums_floats(int64_t channels) {
  return kBiasChains * ((channels + 15) / 16 * 16);
}

#if defined(CNNX_ISA)
namespace CNNX_ISA {

// sums[column % kBiasChains][channel] += gradient[row][column][channel], in the order of the rows.
void add_bias_gradient(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                       float* sums);

// target[channel] (+)= all chains of all chunks, in order; chunks are chunk_floats apart.
void reduce_bias_gradient(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t channels,
                          bool accumulate, float* target);

}  // namespace CNNX_ISA
#endif

}  // namespace cnnx
