// Inner loops of the elementwise activations: one row of functions per activation.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct ActivationKernels {
  const char* name;  // of the layer kind
  // `setting` is the activation's parameter (LeakyReLU's negative slope), 0 for activations without
  // one.
  void (*forward)(const float* x, int64_t count, float setting, float* output);
  // `saved` is the output if gradient_from_output, else the input. ReLU's accepts either: its
  // output is <= 0 where its input is.
  void (*backward)(const float* grad_output, const float* saved, int64_t count, float setting,
                   bool accumulate, float* grad_input);
  bool gradient_from_output;
};

struct ActivationTable {
  const ActivationKernels* rows;  // the last row has no name
  const ActivationKernels* relu;  // fused into convolutions and dense layers
};

CNNX_DECLARE_KERNELS(ActivationTable, activation_kernels)

}  // namespace cnnx
