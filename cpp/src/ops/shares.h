// The division of convolution and dense layers into shares for threads, and their cache sizes.
#pragma once

#include <cstdint>

namespace cnnx::ops {

// Multiply-adds that take about 20 microseconds: below this a second thread costs more than it
// gains.
constexpr int64_t kGrainMultiplyAdds = int64_t{1} << 20;
// Weights packed in about 20 microseconds.
constexpr int64_t kGrainPacked = 32 * 1024;

// Read and written by a layer: they stay in a second-level cache of 1 MB.
constexpr int64_t kCachedFloats = 256 * 1024;

constexpr int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

// Whether threads that share so many blocks would wait for the one with the most.
constexpr bool divides_unevenly(int64_t blocks, int threads) {
  constexpr int64_t kFairShares = 4;
  return blocks % threads != 0 && blocks < kFairShares * threads;
}

}  // namespace cnnx::ops
