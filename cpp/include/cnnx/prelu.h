// ReLU with a trained slope per channel for negative inputs (He, Zhang, Ren, Sun: Delving Deep into
// Rectifiers, 2015), forward and backward, on `pixels` times `channels` floats.
//
//   output[p, c] = x[p, c] < 0 ? weight[c] * x[p, c] : x[p, c]
//
// NaN passes through. The gradient at 0 is the slope, as for leaky_relu.
//
// Memory: arrays are the caller's, 4-byte aligned. weight and grad_weight have `channels` floats.
// `output` may be x; no other arrays overlap. The backward allocates scratch (std::bad_alloc).
// Threads: as cnnx::get_num_threads(). Sums are taken over chunks of pixels that depend on the
// shape alone.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

CNNX_API void prelu(const float* x, const float* weight, int64_t pixels, int64_t channels,
                    float* output);

// grad_weight[c] is the sum over pixels of x * grad_output where x < 0. Overwrites the gradients,
// or adds to them when `accumulate` is true. Either may be null.
CNNX_API void prelu_backward(const float* grad_output, const float* x, const float* weight,
                             int64_t pixels, int64_t channels, float* grad_input,
                             float* grad_weight, bool accumulate = false);

}  // namespace cnnx
