// Inner loops of the dense layer: matrix products of a few rows with a large weight matrix, and the
// weight gradient.
#pragma once

#include <stdint.h>

#include "kernels/bias_gradient.h"
#include "kernels/declare.h"

namespace cnnx {

// output[row][column] = start + sum over k of input[row][k] * weight[k * k_step + column *
// column_step], for the blocks of columns [first_block, last_block). The layer itself has
// column_step 1. Its input gradient has k_step 1, which transposes the same weights.
struct DenseProduct {
  const float* input;
  int64_t rows, input_step, depth;
  const float* weight;
  int64_t k_step, column_step;
  int64_t columns, first_block, last_block;
  const float* panels;  // the weights as packed by `pack`, or null
  const float* bias;    // null: chains start at zero, or at the output's values if `accumulate`
  bool accumulate;
  float* output;
  int64_t output_step;
  // With few rows, columns are processed from the last to the first: a preceding pass over large
  // weights has left their end in a cache.
  bool last_columns_first;
  float* scratch;  // kDenseScratchFloats
};

// gradient[k][column] = sum over rows of input[row][k] * grad_output[row][column], for k in [first,
// last).
struct DenseWeightGradient {
  const float* input;
  int64_t rows, input_step, first, last;
  const float* grad_output;
  int64_t columns;
  bool accumulate;
  float* gradient;
  float* scratch;  // kDenseScratchFloats
};

struct DenseKernels {
  int64_t (*blocks)(int64_t columns);
  // Columns of a block; the last one may be shorter.
  int64_t block_columns;
  // Packs blocks [first_block, last_block) of the weights for DenseProduct::panels.
  void (*pack)(const DenseProduct& product, float* panels);
  void (*multiply)(const DenseProduct& product);
};

struct DenseGradientKernels {
  void (*weight_gradient)(const DenseWeightGradient& gradient);
  // See kernels/bias_gradient.h.
  void (*add_bias_gradient)(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                            float* sums);
  void (*reduce_bias_gradient)(const float* sums, int64_t chunks, int64_t chunk_floats,
                               int64_t channels, bool accumulate, float* target);
};

// The depth is divided so that a panel of a block, two vectors wide, just fills a first-level
// cache.
constexpr int64_t kDenseDepth = 256;
// The row distance of a compact copy: sixteen floats more, so that rows do not share one cache set.
constexpr int64_t kDenseCopyStep = kDenseDepth + 16;
constexpr int64_t kDensePanelFloats = kDenseDepth * 32;
// Rows are processed this many at a time, which bounds the copy.
constexpr int64_t kDenseRows = 256;
constexpr int64_t kDenseScratchFloats = kDensePanelFloats + kDenseRows * kDenseCopyStep;

// Floats of all panels: columns in whole vectors of the widest instruction set.
constexpr int64_t dense_panels_floats(int64_t depth, int64_t columns) {
  return depth * ((columns + 15) / 16 * 16);
}

CNNX_DECLARE_KERNELS(DenseKernels, dense_kernels)
CNNX_DECLARE_KERNELS(DenseGradientKernels, dense_gradient_kernels)

}  // namespace cnnx
