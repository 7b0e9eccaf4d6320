// Whether the numbers of an epilogue can be rounded without a limit. Included by kernel files only.
#pragma once

#include "kernels/quantized_epilogue.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// For a sum times its multiplier, and for an addend: both together fit int32 even when rounded.
constexpr double kRange = 1 << 29;

// Whether no sum of pixels times weights (rows, columns) exceeds this range when multiplied, even
// if it wraps around.
CNNX_INLINE bool sums_fit_int32(const int8_t* weights, int64_t rows, int64_t columns,
                                const int32_t* bias, const float* multiplier) {
  for (int64_t column = 0; column < columns; ++column) {
    double most = bias[column] < 0 ? -1.0 * bias[column] : bias[column];
    for (int64_t row = 0; row < rows; ++row) {
      const int weight = weights[row * columns + column];
      most += 255 * (weight < 0 ? -weight : weight);
    }
    const double factor = multiplier[column];
    const double product = most * (factor < 0 ? -factor : factor);
    if (!(product < kRange)) return false;
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
