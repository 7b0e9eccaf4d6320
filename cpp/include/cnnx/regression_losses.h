// The regression losses, functions of d = prediction - target, and their gradients.
//
//   mean_squared_error    mean over rows and outputs of d^2
//   mean_absolute_error   mean of |d|; the gradient at 0 is 0
//   huber                 mean of d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2)
//                         (Huber 1964)
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (rows, outputs). Threads: as
// cnnx::get_num_threads(). Errors: std::invalid_argument if rows or outputs is below 1, or divisor
// or delta is not above 0.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API double mean_squared_error(const float* prediction, const float* target, int64_t rows,
                                   int64_t outputs);
CNNX_API double mean_absolute_error(const float* prediction, const float* target, int64_t rows,
                                    int64_t outputs);
CNNX_API double huber(const float* prediction, const float* target, int64_t rows, int64_t outputs,
                      float delta = 1.0f);

// Gradients of the summed loss of the rows over `divisor` (`rows` for the mean). They overwrite
// grad_prediction, or add to it when `accumulate` is true.
CNNX_API void mean_squared_error_backward(const float* prediction, const float* target,
                                          int64_t rows, int64_t outputs, double divisor,
                                          float* grad_prediction, bool accumulate = false);
CNNX_API void mean_absolute_error_backward(const float* prediction, const float* target,
                                           int64_t rows, int64_t outputs, double divisor,
                                           float* grad_prediction, bool accumulate = false);
CNNX_API void huber_backward(const float* prediction, const float* target, int64_t rows,
                             int64_t outputs, float delta, double divisor, float* grad_prediction,
                             bool accumulate = false);

}  // namespace cnnx
