// Mean squared error and its gradient.
//
//   loss = mean over rows and outputs of (prediction - target)^2
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (rows, outputs). Threads: as
// cnnx::get_num_threads(). Errors: std::invalid_argument if rows or outputs is below 1 or divisor
// is not above 0.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API double mean_squared_error(const float* prediction, const float* target, int64_t rows,
                                   int64_t outputs);

// Gradient of the rows' summed loss over `divisor` (`rows` for the mean): 2 (prediction - target) /
// (divisor * outputs). Overwrites grad_prediction, or adds to it when `accumulate` is true.
CNNX_API void mean_squared_error_backward(const float* prediction, const float* target,
                                          int64_t rows, int64_t outputs, double divisor,
                                          float* grad_prediction, bool accumulate = false);

}  // namespace cnnx
