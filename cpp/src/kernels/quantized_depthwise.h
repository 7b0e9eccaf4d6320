// Depthwise convolutions of uint8 pixels with int8 weights.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/quantized_epilogue.h"

namespace cnnx {

// One row of outputs of an image. Up to 63 bytes after each row of pixels are read, and do not
// affect the result.
struct QuantizedDepthwiseRow {
  const uint8_t* source;
  const int64_t* rows;  // the offset of each row of taps
  int64_t row_count;
  int64_t taps, tap_step;        // of a row: their number, and pixels from one to the next
  int64_t outputs, output_step;  // pixels from an output's first tap to the next one's
  int64_t channels;
  const void* packed;  // by QuantizedDepthwiseKernels::pack
  int32_t* scratch;    // QuantizedDepthwiseKernels::scratch_integers
  QuantizedEpilogue epilogue;
};

// Weights (row_count, taps, channels).
struct QuantizedDepthwiseWeights {
  int64_t row_count, taps, channels;
  const int8_t* values;
  const int32_t* bias;
  const float* multiplier;
  bool plain_bytes;  // whether outputs are bytes, without an addend
};

struct QuantizedDepthwiseKernels {
  int64_t (*packed_bytes)(int64_t row_count, int64_t taps, int64_t channels);
  void (*pack)(const QuantizedDepthwiseWeights& weights, void* packed);
  int64_t (*scratch_integers)(int64_t row_count, int64_t columns);
  void (*run)(const QuantizedDepthwiseRow& row);
};

CNNX_DECLARE_INTEGER_KERNELS(QuantizedDepthwiseKernels, quantized_depthwise_kernels)

}  // namespace cnnx
