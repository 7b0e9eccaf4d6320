// Products of windows of uint8 pixels with int8 weights.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/quantized_epilogue.h"

namespace cnnx {

// Windows with a fixed distance in memory. A window consists of runs of bytes; up to 63 bytes after
// each run are read, and do not affect the result.
struct QuantizedProduct {
  const uint8_t* source;  // the first window
  int64_t window_step;    // bytes from a window to the next
  const int64_t* runs;    // the offset of each run in a window
  int64_t run_count, run_bytes;
  // Of every `row_windows` windows the first `row_outputs` are stored, one after the other.
  int64_t windows, row_windows, row_outputs;
  int64_t columns;
  const void* packed;  // by QuantizedProductKernels::pack
  // Panels of columns.
  int64_t first_panel, last_panel;
  QuantizedEpilogue epilogue;
};

// The weights of a product: int8 values (run_count * run_bytes, columns).
struct QuantizedWeights {
  int64_t run_count, run_bytes, columns;
  const int8_t* values;
  const int32_t* bias;      // the start of each sum
  const float* multiplier;  // of each column
};

struct QuantizedProductKernels {
  int64_t panel_columns;
  int64_t (*packed_bytes)(int64_t run_count, int64_t run_bytes, int64_t columns);
  void (*pack)(const QuantizedWeights& weights, void* packed);
  void (*run)(const QuantizedProduct& product);
};

CNNX_DECLARE_INTEGER_TILE_KERNELS(QuantizedProductKernels, quantized_product_kernels)

}  // namespace cnnx
