// Inner loops of the elementwise activations: one row of functions per activation.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// The numbers that an activation depends on; each row says which. An activation ignores those that
// it has not.
struct ActivationSettings {
  float first = 0.0f, second = 0.0f;
};

struct ActivationKernels {
  const char* name;  // of the layer kind, or of one of its forms
  void (*forward)(const float* x, int64_t count, ActivationSettings settings, float* output);
  bool gradient_from_output;  // what the gradient takes as `saved`
};

// `saved` is the output if gradient_from_output, else the input. ReLU's accepts either: its output
// is <= 0 where its input is.
using ActivationGradient = void (*)(const float* grad_output, const float* saved, int64_t count,
                                    ActivationSettings settings, bool accumulate,
                                    float* grad_input);

struct ActivationTable {
  const ActivationKernels* rows;  // the last row has no name
  // Fused into convolutions and dense layers: ReLU with a ceiling (kernels/relu.h), which is the
  // first setting.
  void (*relu)(const float* x, int64_t count, ActivationSettings settings, float* output);
  ActivationGradient relu_gradient;
};

// The gradients of the same rows, which only training calls.
struct ActivationGradientTable {
  const ActivationGradient* rows;
};

CNNX_DECLARE_KERNELS(ActivationTable, activation_kernels)
CNNX_DECLARE_KERNELS(ActivationGradientTable, activation_gradient_kernels)

}  // namespace cnnx
