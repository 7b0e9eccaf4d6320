// Inner loops of local response normalisation, pixel by pixel.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// y[c] = x[c] / base[c]^beta, base[c] = k + scale * the sum of x^2 from channel c - before to
// c + after, without those beyond the first and the last.
struct LrnWindow {
  int64_t channels, before, after;
  int64_t line;  // at least channels + before + after
  float scale, beta, k;
};

// Pixels are consecutive, `channels` floats each. `scratch` has four lines.
struct LrnKernels {
  // `output` may be x.
  void (*forward)(const LrnWindow& window, const float* x, int64_t pixels, float* scratch,
                  float* output);
};

struct LrnGradientKernels {
  // `grad_input` may be grad_output.
  void (*backward)(const LrnWindow& window, const float* grad_output, const float* x,
                   int64_t pixels, bool accumulate, float* scratch, float* grad_input);
};

CNNX_DECLARE_KERNELS(LrnKernels, lrn_kernels)
CNNX_DECLARE_KERNELS(LrnGradientKernels, lrn_gradient_kernels)

}  // namespace cnnx
