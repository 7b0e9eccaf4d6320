// The gradient of a fused ReLU.
#pragma once

#include <cstdint>

#include "kernels/relu.h"

namespace cnnx::ops {

// Sets gradient to zero unless relu_output is > 0 and below the ceiling (kernels/relu.h).
void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads,
                   float ceiling = kNoCeiling);

void relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count, int threads,
                   float ceiling = kNoCeiling);  // of bfloat16

// ReLU with the ceiling, in place.
void apply_relu(float* values, float ceiling, int64_t count, int threads);

}  // namespace cnnx::ops
