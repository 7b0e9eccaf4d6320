// Cross-entropy of rows of logits with their labels or shares of the classes: loss, gradient and
// right answers in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct CrossEntropyKernels {
  // Writes a loss per row, and (softmax - target) / divisor unless grad_logits is null. Returns how
  // many labels are the first maximum of their row. Labels are in range.
  int64_t (*rows)(const float* logits, const int64_t* labels, int64_t rows, int64_t classes,
                  float label_smoothing, float divisor, bool accumulate, float* grad_logits,
                  float* row_losses);
  // The same for targets of which one is null, labels or (rows, classes) shares, every class's part
  // of the sum being multiplied by its weight, or by 1 when these are null.
  int64_t (*weighted_rows)(const float* logits, const int64_t* labels, const float* shares,
                           const float* class_weights, int64_t rows, int64_t classes,
                           float label_smoothing, float divisor, bool accumulate,
                           float* grad_logits, float* row_losses);
};

CNNX_DECLARE_KERNELS(CrossEntropyKernels, cross_entropy_kernels)

}  // namespace cnnx
