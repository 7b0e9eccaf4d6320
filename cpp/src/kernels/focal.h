// Focal loss of rows of logits with their targets: loss, gradient and correct predictions in one
// pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/loss_rows.h"

namespace cnnx {

struct FocalSettings {
  float gamma;
  const float* class_weights;  // null: all 1
};

// Each writes a loss per row and the gradient, without accumulating it, and returns the number of
// correct rows.
struct FocalKernels {
  // Softmax over the columns. A row with the label `ignored` counts for nothing.
  int64_t (*rows)(const LossRows& rows, const int64_t* labels, int64_t ignored,
                  const FocalSettings& settings);
  // The sigmoid of one column. A target in [0, 1] is the share of class 1.
  int64_t (*binary_rows)(const LossRows& rows, const float* targets, const FocalSettings& settings);
};

CNNX_DECLARE_KERNELS(FocalKernels, focal_kernels)

}  // namespace cnnx
