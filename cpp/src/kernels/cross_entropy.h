// Cross-entropy of rows of logits with their labels or soft labels: loss, gradient and correct
// predictions in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct CrossEntropyKernels {
  // Writes a loss per row, and (softmax - target) / divisor unless grad_logits is null. Returns the
  // number of labels that are the first maximum of their row. Labels must be in range.
  int64_t (*rows)(const float* logits, const int64_t* labels, int64_t rows, int64_t classes,
                  float label_smoothing, float divisor, bool accumulate, float* grad_logits,
                  float* row_losses);
  // The same for labels or soft labels (rows, classes), one of which is null. Every class's part of
  // the sum is multiplied by its weight, or by 1 if the weights are null.
  int64_t (*weighted_rows)(const float* logits, const int64_t* labels, const float* shares,
                           const float* class_weights, int64_t rows, int64_t classes,
                           float label_smoothing, float divisor, bool accumulate,
                           float* grad_logits, float* row_losses);
};

CNNX_DECLARE_KERNELS(CrossEntropyKernels, cross_entropy_kernels)

}  // namespace cnnx
