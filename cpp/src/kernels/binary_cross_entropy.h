// Binary cross-entropy of rows of logits with their targets: loss, gradient and correct predictions
// in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct BinaryCrossEntropyKernels {
  // Writes a loss per row, the mean over its outputs, and (sigmoid - target) / divisor unless
  // grad_logits is null. Returns the number of outputs on the same side of 1/2 as their target.
  int64_t (*rows)(const float* logits, const float* targets, int64_t rows, int64_t outputs,
                  float divisor, bool accumulate, float* grad_logits, float* row_losses);
};

CNNX_DECLARE_KERNELS(BinaryCrossEntropyKernels, binary_cross_entropy_kernels)

}  // namespace cnnx
