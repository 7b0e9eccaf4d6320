// Cross-entropy of rows of logits with their labels or soft labels: loss, gradient and correct
// predictions in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/loss_rows.h"

namespace cnnx {

// Targets of which one is null, labels or soft labels (rows, classes), and a weight per class
// (null: all 1).
struct WeightedTargets {
  const int64_t* labels;
  const float* soft_labels;
  const float* class_weights;
  int64_t ignored;  // rows with this label count for nothing; kNoLabel if there are none
};

struct CrossEntropyKernels {
  // Writes a loss per row and the gradient, (softmax - target) / divisor. Returns the number of
  // rows whose label is the first maximum. Labels are in range, or `ignored`.
  int64_t (*rows)(const LossRows& rows, const int64_t* labels, int64_t ignored,
                  float label_smoothing);
  // The same for weighted targets: the weight of each class multiplies its term of the sum.
  int64_t (*weighted_rows)(const LossRows& rows, const WeightedTargets& targets,
                           float label_smoothing);
};

CNNX_DECLARE_KERNELS(CrossEntropyKernels, cross_entropy_kernels)

}  // namespace cnnx
