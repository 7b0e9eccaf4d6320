// Binary cross-entropy of every output on its own, on logits, and its gradient.
//
//   loss = mean over rows and outputs of max(z, 0) - z * t + log(1 + exp(-|z|))
//
// for logit z and target t in [0, 1]. This is -t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)),
// computed without overflow.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (rows, outputs). Threads: as
// cnnx::get_num_threads(). Errors: std::invalid_argument if rows or outputs is below 1, a target is
// not in [0, 1] or divisor is not above 0.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API double binary_cross_entropy(const float* logits, const float* targets, int64_t rows,
                                     int64_t outputs);

// Gradient of the summed loss of the rows over `divisor` (`rows` for the mean): (sigmoid(z) - t) /
// (divisor * outputs). Overwrites grad_logits, or adds to it when `accumulate` is true.
CNNX_API void binary_cross_entropy_backward(const float* logits, const float* targets, int64_t rows,
                                            int64_t outputs, double divisor, float* grad_logits,
                                            bool accumulate = false);

}  // namespace cnnx
