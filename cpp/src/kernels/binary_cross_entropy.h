// Binary cross-entropy of rows of logits with their targets: loss, gradient and correct predictions
// in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/loss_rows.h"

namespace cnnx {

struct BinaryCrossEntropyKernels {
  // Writes a loss per row, the mean over its outputs, and the gradient, (sigmoid - target) /
  // divisor. Returns the number of outputs on their target's side of 1/2.
  int64_t (*rows)(const LossRows& rows, const float* targets);
};

CNNX_DECLARE_KERNELS(BinaryCrossEntropyKernels, binary_cross_entropy_kernels)

}  // namespace cnnx
