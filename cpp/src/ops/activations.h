// The gradient of a fused ReLU.
#pragma once

#include <cstdint>

namespace cnnx::ops {

// gradient becomes zero where relu_output is not > 0.
void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads);

}  // namespace cnnx::ops
