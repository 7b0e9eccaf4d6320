// Elementwise activations, forward and backward, on `count` floats. Every output may alias its
// input.
//
// Memory: all arrays are the caller's, 4-byte aligned, `count` floats long. Threads: as
// cnnx::get_num_threads(). A backward overwrites grad_input, or adds to it when `accumulate` is
// true.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// x < 0 ? 0 : x. NaN passes through. The gradient at 0 is 0.
CNNX_API void relu(const float* x, int64_t count, float* output);
CNNX_API void relu_backward(const float* grad_output, const float* x, int64_t count,
                            float* grad_input, bool accumulate = false);

// x < 0 ? negative_slope * x : x (Maas et al. 2013). The gradient at 0 is negative_slope.
CNNX_API void leaky_relu(const float* x, int64_t count, float negative_slope, float* output);
CNNX_API void leaky_relu_backward(const float* grad_output, const float* x, int64_t count,
                                  float negative_slope, float* grad_input, bool accumulate = false);

// 1 / (1 + exp(-x)). The gradient is a function of the output y: y (1 - y).
CNNX_API void sigmoid(const float* x, int64_t count, float* output);
CNNX_API void sigmoid_backward(const float* grad_output, const float* output, int64_t count,
                               float* grad_input, bool accumulate = false);

// The hyperbolic tangent. The gradient is a function of the output y: 1 - y^2.
CNNX_API void tanh(const float* x, int64_t count, float* output);
CNNX_API void tanh_backward(const float* grad_output, const float* output, int64_t count,
                            float* grad_input, bool accumulate = false);

// x Phi(x), where Phi is the standard normal distribution function (Hendrycks, Gimpel 2016). This
// is the exact form, not the tanh approximation. Its error is at most 6 ULP above -2. 0 at
// -infinity.
CNNX_API void gelu(const float* x, int64_t count, float* output);
CNNX_API void gelu_backward(const float* grad_output, const float* x, int64_t count,
                            float* grad_input, bool accumulate = false);

// x sigmoid(x) (Elfwing et al. 2017), also called swish. 0 at -infinity.
CNNX_API void silu(const float* x, int64_t count, float* output);
CNNX_API void silu_backward(const float* grad_output, const float* x, int64_t count,
                            float* grad_input, bool accumulate = false);

// x clamp(x + 3, 0, 6) / 6 (Howard et al. 2019). The gradient is 0 at -3 and 1 at 3.
CNNX_API void hard_swish(const float* x, int64_t count, float* output);
CNNX_API void hard_swish_backward(const float* grad_output, const float* x, int64_t count,
                                  float* grad_input, bool accumulate = false);

// min(max(x, 0), 6) (Howard et al. 2017). The gradient is a function of the output: 1 where it is
// strictly between 0 and 6, else 0.
CNNX_API void relu6(const float* x, int64_t count, float* output);
CNNX_API void relu6_backward(const float* grad_output, const float* output, int64_t count,
                             float* grad_input, bool accumulate = false);

}  // namespace cnnx
