// Whether the numbers of an epilogue can be rounded without a limit. Included by kernel files only.
#pragma once

#include "kernels/quantized_epilogue.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// For a sum times its multiplier, and for an addend: both together fit int32 even when rounded.
constexpr double kRange = 1 << 29;

// Adds the sizes of so many weights to sums.
CNNX_INLINE void add_sizes(const int8_t* weights, int64_t count, int32_t* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += weights[i] < 0 ? -weights[i] : weights[i];
}

// Whether no sum of pixels times weights (rows, columns) exceeds this range when multiplied, even
// if it wraps around.
CNNX_INLINE bool sums_fit_int32(const int8_t* weights, int64_t rows, int64_t columns,
                                const int32_t* bias, const float* multiplier) {
  constexpr int64_t kColumns = 64;  // at once: a cache line of each row
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t count = columns - first < kColumns ? columns - first : kColumns;
    int32_t sizes[kColumns] = {};
    for (int64_t row = 0; row < rows; ++row) {
      const int8_t* const of_row = weights + row * columns + first;
      if (count == kColumns) {
        add_sizes(of_row, kColumns, sizes);  // a constant, for which vectors are used
      } else {
        add_sizes(of_row, count, sizes);
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      const double start = bias[first + i], factor = multiplier[first + i];
      const double most = 255.0 * sizes[i] + (start < 0 ? -start : start);
      if (!(most * (factor < 0 ? -factor : factor) < kRange)) return false;
    }
  }
  return true;
}

CNNX_INLINE bool addend_fits_int32(const QuantizedEpilogue& e) {
  const double product = 255.0 * e.addend_multiplier;
  return !e.addend || (product < kRange && product > -kRange);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
