// Poolings of images in bytes.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/quantized_epilogue.h"

namespace cnnx {

// Pixels along one axis that an output reads. A mean divides by the divisors of both axes.
struct PoolTaps {
  int64_t first, count, divisor;
};

// Of one image (height, width, channels).
struct QuantizedPool {
  const uint8_t* image;
  int64_t row_bytes, channels;
  const PoolTaps *rows, *columns;         // of every row and column of outputs
  int64_t row_dilation, column_dilation;  // pixels from one tap to the next
  int64_t out_width;
};

// y = (sum - zero_point of each pixel) * unit / divisor.
struct QuantizedMean {
  int32_t zero_point;
  double unit;
  QuantizedEpilogue epilogue;
};

// Rows [begin, end) of outputs. Outputs are given from the image's first one on.
struct QuantizedPoolKernels {
  void (*maximum)(const QuantizedPool& pool, int64_t begin, int64_t end, uint8_t* output);
  void (*mean)(const QuantizedPool& pool, int64_t begin, int64_t end, const QuantizedMean& mean);
};

CNNX_DECLARE_KERNELS(QuantizedPoolKernels, quantized_pool_kernels)

}  // namespace cnnx
