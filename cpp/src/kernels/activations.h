// Inner loops of the elementwise activations: one row of functions per activation.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

enum class Activation { relu, leaky_relu, sigmoid, tanh, gelu, silu, hard_swish, relu6 };
constexpr int kActivationCount = 8;

struct ActivationKernels {
  // `setting` is the activation's parameter (LeakyReLU's negative slope), 0 for activations without
  // one.
  using Forward = void (*)(const float* x, int64_t count, float setting, float* output);
  // `saved` is the output if activation_gradient_from_output is true, else the input.
  using Backward = void (*)(const float* grad_output, const float* saved, int64_t count,
                            float setting, bool accumulate, float* grad_input);
  Forward forward[kActivationCount];
  Backward backward[kActivationCount];
};

// Whether backward needs only the output. ReLU's accepts either: its output is <= 0 where its input
// is.
constexpr bool activation_gradient_from_output(Activation activation) {
  return activation == Activation::relu || activation == Activation::sigmoid ||
         activation == Activation::tanh || activation == Activation::relu6;
}

CNNX_DECLARE_KERNELS(ActivationKernels, activation_kernels)

}  // namespace cnnx
