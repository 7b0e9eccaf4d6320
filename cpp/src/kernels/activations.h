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
  // `saved` is the output if gradient_from_output, else the input. ReLU's accepts either: its
  // output is <= 0 where its input is.
  void (*backward)(const float* grad_output, const float* saved, int64_t count,
                   ActivationSettings settings, bool accumulate, float* grad_input);
  bool gradient_from_output;
};

struct ActivationTable {
  const ActivationKernels* rows;  // the last row has no name
  const ActivationKernels* relu;  // fused into convolutions and dense layers
};

CNNX_DECLARE_KERNELS(ActivationTable, activation_kernels)

}  // namespace cnnx
