// Softmax over the last axis, forward and backward, on `rows` rows of `classes` floats.
//
//   output[r, j] = exp(x[r, j] - m) / sum over k of exp(x[r, k] - m),   m = max over k of x[r, k]
//
// within 4 ULP. A NaN makes its whole row NaN.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (rows, classes); the result may not
// overlap the others. Threads: as cnnx::get_num_threads().
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API void softmax(const float* x, int64_t rows, int64_t classes, float* output);

// The input gradient from the output y: y * (grad_output - sum over k of grad_output[r, k] * y[r,
// k]). Overwrites grad_input, or adds to it when `accumulate` is true.
CNNX_API void softmax_backward(const float* grad_output, const float* output, int64_t rows,
                               int64_t classes, float* grad_input, bool accumulate = false);

}  // namespace cnnx
