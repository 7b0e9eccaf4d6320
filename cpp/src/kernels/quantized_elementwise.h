// Sums and products of arrays in bytes, element by element.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/quantized_epilogue.h"

namespace cnnx {

// Of a sum: (byte - zero_point) * multiplier.
struct QuantizedTerm {
  const uint8_t* values;
  float zero_point, multiplier;
};

// Images of `pixels` pixels and a factor per channel, or one per pixel.
struct QuantizedProducts {
  const uint8_t *map, *factors;
  float map_zero_point, factor_zero_point;
  float multiplier;  // of (map - its zero point) * (factor - its zero point)
  int64_t pixels, channels;
  bool per_pixel;
};

struct QuantizedElementwiseKernels {
  // The output may overwrite a term.
  void (*sum)(const QuantizedTerm* terms, int64_t term_count, int64_t count,
              const QuantizedEpilogue& epilogue);
  void (*product)(const QuantizedProducts& products, const QuantizedEpilogue& epilogue);
};

CNNX_DECLARE_KERNELS(QuantizedElementwiseKernels, quantized_elementwise_kernels)

}  // namespace cnnx
