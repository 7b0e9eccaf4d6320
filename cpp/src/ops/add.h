// What ops that add an array to another have in common.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace cnnx::ops {

// output = a + b, and the positive part of that with `relu`; output may be a or b.
void add_arrays(const float* a, const float* b, int64_t count, bool relu, int threads,
                float* output);

// A sum's gradient is its inputs': copies or adds it where the input wants it, unless it lies there
// already.
void pass_gradient(const float* grad_output, const InputGradient& input, int64_t count,
                   int threads);

}  // namespace cnnx::ops
