// The sum of two arrays and its gradient, shared by ops that add.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace cnnx::ops {

// output = a + b, or with `relu` max(a + b, 0); output may be a or b.
void add_arrays(const float* a, const float* b, int64_t count, bool relu, int threads,
                float* output);
void add_arrays(const uint16_t* a, const uint16_t* b, int64_t count, bool relu, int threads,
                uint16_t* output);  // of bfloat16

// Passes the gradient of a sum to one of its inputs: copies or adds it, unless it is there already.
void pass_gradient(const float* grad_output, const InputGradient& input, int64_t count,
                   int threads);
void pass_gradient(const uint16_t* grad_output, const InputGradient& input, int64_t count,
                   int threads);  // of bfloat16

}  // namespace cnnx::ops
