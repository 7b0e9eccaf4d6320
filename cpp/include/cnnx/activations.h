// Elementwise activations, forward and backward, on `count` floats. Every output may be the input
// itself.
//
// Memory: all arrays are the caller's, 4-byte aligned, `count` floats long. Threads: as
// cnnx::get_num_threads(). A backward overwrites grad_input, or adds to it when `accumulate` is
// true.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// x < 0 ? 0 : x, so NaN passes through. The gradient at 0 is 0.
CNNX_API void relu(const float* x, int64_t count, float* output);
CNNX_API void relu_backward(const float* grad_output, const float* x, int64_t count,
                            float* grad_input, bool accumulate = false);

// x < 0 ? negative_slope * x : x (Maas et al. 2013). The gradient at 0 is negative_slope.
CNNX_API void leaky_relu(const float* x, int64_t count, float negative_slope, float* output);
CNNX_API void leaky_relu_backward(const float* grad_output, const float* x, int64_t count,
                                  float negative_slope, float* grad_input, bool accumulate = false);

// 1 / (1 + exp(-x)). Its gradient is a function of its output: y (1 - y).
CNNX_API void sigmoid(const float* x, int64_t count, float* output);
CNNX_API void sigmoid_backward(const float* grad_output, const float* output, int64_t count,
                               float* grad_input, bool accumulate = false);

// The hyperbolic tangent. Its gradient is a function of its output: 1 - y^2.
CNNX_API void tanh(const float* x, int64_t count, float* output);
CNNX_API void tanh_backward(const float* grad_output, const float* output, int64_t count,
                            float* grad_input, bool accumulate = false);

}  // namespace cnnx
