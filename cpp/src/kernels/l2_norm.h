// Inner loops of norms that divide rows of channels by a root of the sum of their squares.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// A row's divisor: the larger one of `least` and its root, sqrt(sum of squares / count + added).
struct RootFormula {
  float count, added, least;
};

struct L2NormRows {
  const float* x;
  int64_t rows, channels;
  RootFormula formula;
  const float* weight;  // of every channel's quotient, or null for 1
  float* roots;         // one per row
};

// Other arrays have the layout of x.
struct L2NormKernels {
  void (*roots)(const L2NormRows& rows);
  void (*forward)(const L2NormRows& rows, float* output);  // with the roots
};

struct L2NormGradientKernels {
  void (*backward)(const L2NormRows& rows, const float* grad_output, bool accumulate,
                   float* grad_input);
  // Per channel, the sum of grad_output * x / divisor.
  void (*sums)(const L2NormRows& rows, const float* grad_output, float* sum);
};

CNNX_DECLARE_KERNELS(L2NormKernels, l2_norm_kernels)
CNNX_DECLARE_KERNELS(L2NormGradientKernels, l2_norm_gradient_kernels)

}  // namespace cnnx
