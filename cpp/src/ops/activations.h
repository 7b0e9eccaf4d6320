// The gradient of a fused ReLU.
#pragma once

#include <cstdint>

namespace cnnx::ops {

// Sets gradient to zero unless relu_output is > 0.
void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads);

}  // namespace cnnx::ops
