// Rows of a model's outputs, to which the kernels of losses assign losses and gradients.
#pragma once

#include <stdint.h>

namespace cnnx {

struct LossRows {
  const float* outputs;  // (rows, columns): logits or predictions
  int64_t rows, columns;
  float divisor;      // of the gradient
  bool accumulate;    // add to the gradient instead of overwriting it
  float* gradient;    // (rows, columns), or null
  float* row_losses;  // one per row
};

// A label that no row has.
constexpr int64_t kNoLabel = INT64_MIN;

}  // namespace cnnx
