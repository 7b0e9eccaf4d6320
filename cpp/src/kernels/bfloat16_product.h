// Products of windows of bfloat16 pixels with weights that are rounded to bfloat16.
//
// A run of a window is cut into blocks of 32 elements, the last one completed with zeros. In a
// block there are two chains of fused multiply-adds that start from 0: over the elements 0, 2, ...
// 30 and over 1, 3, ... 31. The sum of both is added to the window's sum, which starts from 0. All
// of this is float32 without denormals (kernels/flush_denormals.h). These are the sums of AMX's
// TDPBF16PS, and every instruction set has the same bits, with one exception: the baseline, which
// has no fused multiply-add, also flushes products below 2^-126 to zero before it adds them.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/relu.h"

namespace cnnx {

// In this order: sum + bias + addend, then the ReLU and the mask, then it is rounded and stored.
struct Bfloat16Epilogue {
  const float* bias;       // of each column, or null
  const uint16_t* addend;  // as the output, which it may be, or null
  bool relu;               // x < 0 ? 0 : x > ceiling ? ceiling : x
  float ceiling;
  const uint16_t* relu_output;  // or null; as the output, which becomes 0 unless this is > 0
  uint16_t* output;             // or null: float_output
  float* float_output;
  // Elements from an output of a row to the next, and from a row of outputs to the next.
  int64_t output_step, output_row_step;
};

// Windows with a fixed distance in memory, which consist of runs of elements. No element besides
// those of the windows affects a result, or is read unless `reads_beyond` permits it.
struct Bfloat16Product {
  const uint16_t* source;  // the first window
  int64_t window_step;     // elements from a window to the next
  const int64_t* runs;     // the offset of each run in a window
  int64_t run_count, run_length;
  // Whether there are Bfloat16ProductKernels::elements_beyond after each run, all of them finite,
  // so that their products with weights of 0 change no sum.
  bool reads_beyond;
  // Of every `row_windows` windows the first `row_outputs` are stored, as a row of outputs.
  int64_t windows, row_windows, row_outputs;
  int64_t columns;
  const float* packed;  // by Bfloat16ProductKernels::pack
  // Panels of columns.
  int64_t first_panel, last_panel;
  Bfloat16Epilogue epilogue;
};

// The weights of a product. A run is `run_taps` taps of `channels` elements each. The weight of a
// tap, channel and column is values[taps[tap] + channel * row_step + column * column_step]; one of
// the steps is 1.
struct Bfloat16Weights {
  const float* values;
  const int64_t* taps;  // run_count * run_taps
  int64_t run_count, run_taps, channels, columns;
  int64_t row_step, column_step;
};

struct Bfloat16ProductKernels {
  int64_t panel_columns;
  int64_t (*packed_floats)(int64_t run_count, int64_t run_length, int64_t columns);
  // The elements after a run that save time if they may be read.
  int64_t (*elements_beyond)(int64_t run_length);
  void (*pack)(const Bfloat16Weights& weights, int64_t first_panel, int64_t last_panel,
               float* packed);
  void (*run)(const Bfloat16Product& product);
};

CNNX_DECLARE_BFLOAT16_TILE_KERNELS(Bfloat16ProductKernels, bfloat16_product_kernels)

}  // namespace cnnx
