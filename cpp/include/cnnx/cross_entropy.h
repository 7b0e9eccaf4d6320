// Cross-entropy on logits, and its gradient. A row's target is one label, or a soft label.
//
//   loss = sum(w[j] * target[r, j] * -log(softmax(logits[r])[j])) / total
//
//   target[r, j] = (1 - label_smoothing) * q[r, j] + label_smoothing / classes
//
//   total = sum(w[j] * q[r, j])
//
// where the sums are over rows r and classes j, and q[r, j] is (j == labels[r]), or
// soft_labels[r, j]. Without class weights w is 1 and total is the number of rows. The loss is 0
// when total is 0.
//
// Memory: arrays are the caller's, 4-byte (labels 8-byte) aligned, contiguous: logits and soft
// labels (rows, classes), labels (rows), class_weights (classes) or null. Threads: as
// cnnx::get_num_threads(). Errors: std::invalid_argument if rows or classes is below 1,
// label_smoothing is not in [0, 1], a label is not in [0, classes), a soft label is negative, a row
// of soft labels does not add up to 1 within 0.001, a weight is negative or divisor is not above 0.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

struct CrossEntropyOptions {
  float label_smoothing = 0.0f;
  const float* class_weights = nullptr;
};

CNNX_API double cross_entropy(const float* logits, const int64_t* labels, int64_t rows,
                              int64_t classes, const CrossEntropyOptions& options = {});
CNNX_API double cross_entropy(const float* logits, const float* soft_labels, int64_t rows,
                              int64_t classes, const CrossEntropyOptions& options = {});

// The divisor of the mean.
CNNX_API double cross_entropy_total(const int64_t* labels, int64_t rows, int64_t classes,
                                    const float* class_weights = nullptr);
CNNX_API double cross_entropy_total(const float* soft_labels, int64_t rows, int64_t classes,
                                    const float* class_weights = nullptr);

// Gradient of the summed loss of the rows over `divisor` (`total` for the mean). Without weights it
// is (softmax(logits) - target) / divisor. Overwrites grad_logits, or adds to it when `accumulate`
// is true.
CNNX_API void cross_entropy_backward(const float* logits, const int64_t* labels, int64_t rows,
                                     int64_t classes, double divisor, float* grad_logits,
                                     bool accumulate = false,
                                     const CrossEntropyOptions& options = {});
CNNX_API void cross_entropy_backward(const float* logits, const float* soft_labels, int64_t rows,
                                     int64_t classes, double divisor, float* grad_logits,
                                     bool accumulate = false,
                                     const CrossEntropyOptions& options = {});

}  // namespace cnnx
