// Depthwise convolutions of uint8 pixels with int8 weights.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/quantized_epilogue.h"

namespace cnnx {

struct QuantizedDepthwiseShape {
  int64_t row_count;  // rows of taps of a window
  // Rows of taps from a window to the one that the next row of outputs has below it, or 0 if that
  // is no whole number.
  int64_t row_step;
  int64_t taps, tap_step;  // of a row: their number, and pixels from one to the next
  int64_t outputs,
      output_step;  // of a row, and pixels from an output's first tap to the next one's
  int64_t channels;
};

// Weights (row_count, taps, channels).
struct QuantizedDepthwiseWeights {
  QuantizedDepthwiseShape shape;
  const int8_t* values;
  const int32_t* bias;
  const float* multiplier;
};

// Rows of outputs of an image. Up to 63 bytes after each row of pixels are read, and do not affect
// the result.
struct QuantizedDepthwiseRows {
  QuantizedDepthwiseShape shape;
  int64_t count;  // at most QuantizedDepthwiseKernels::rows_at_once
  const uint8_t* source;
  // The offset of each row of taps of all windows, in groups of four: more rows that complete the
  // last one are read, and do not affect the result.
  const int64_t* rows;
  const uint8_t* next;  // so many bytes are prefetched meanwhile
  int64_t next_bytes;
  const void* packed;  // by QuantizedDepthwiseKernels::pack
  QuantizedEpilogue epilogue;
};

struct QuantizedDepthwiseKernels {
  int64_t (*rows_at_once)(const QuantizedDepthwiseShape& shape);  // 1 or 2
  int64_t (*packed_bytes)(const QuantizedDepthwiseShape& shape);
  void (*pack)(const QuantizedDepthwiseWeights& weights, void* packed);
  void (*run)(const QuantizedDepthwiseRows& rows);
};

CNNX_DECLARE_INTEGER_KERNELS(QuantizedDepthwiseKernels, quantized_depthwise_kernels)

}  // namespace cnnx
