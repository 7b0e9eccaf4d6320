// Cross-entropy of one label per row, on logits, and its gradient.
//
//   loss = mean over rows r of -sum over j of target[r, j] * log(softmax(logits[r])[j])
//   target[r, j] = (1 - label_smoothing) * (j == labels[r]) + label_smoothing / classes
//
// Memory: arrays are the caller's, 4-byte (labels 8-byte) aligned, contiguous: logits (rows,
// classes), labels (rows). Threads: as cnnx::get_num_threads(). Errors: std::invalid_argument if
// rows or classes is below 1, label_smoothing is not in [0, 1], a label is not in [0, classes) or
// divisor is not above 0.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API double cross_entropy(const float* logits, const int64_t* labels, int64_t rows,
                              int64_t classes, float label_smoothing = 0.0f);

// Gradient of the rows' summed loss over `divisor` (`rows` for the mean): (softmax(logits) -
// target) / divisor. Overwrites grad_logits, or adds to it when `accumulate` is true.
CNNX_API void cross_entropy_backward(const float* logits, const int64_t* labels, int64_t rows,
                                     int64_t classes, float label_smoothing, double divisor,
                                     float* grad_logits, bool accumulate = false);

}  // namespace cnnx
