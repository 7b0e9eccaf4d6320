// Inner loops of the elementwise activations: one row per activation, all rows alike.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

enum class Activation { relu, leaky_relu, sigmoid, tanh };
constexpr int kActivationCount = 4;

struct ActivationKernels {
  // `setting` is the activation's one number (LeakyReLU's negative slope), 0 for those that have none.
  using Forward = void (*)(const float* x, int64_t count, float setting, float* output);
  // `saved` is what the activation's gradient is a function of: see activation_saves_output.
  using Backward = void (*)(const float* grad_output, const float* saved, int64_t count, float setting,
                            bool accumulate, float* grad_input);
  Forward forward[kActivationCount];
  Backward backward[kActivationCount];
};

// Sigmoid and tanh have their gradient from their output, the others from their input.
constexpr bool activation_saves_output(Activation activation) {
  return activation == Activation::sigmoid || activation == Activation::tanh;
}

CNNX_DECLARE_KERNELS(ActivationKernels, activation_kernels)

}  // namespace cnnx
