// The optimizers' updates of a range of parameters. They are elementwise, so ranges may begin
// anywhere.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Gradients are multiplied by gradient_scale first: 1 unless they are clipped.
struct SgdCoefficients {
  float gradient_scale;
  float learning_rate, momentum, weight_decay;
  bool nesterov;
};

struct RmsPropCoefficients {
  float gradient_scale;
  float learning_rate, momentum, weight_decay;
  float alpha, one_minus_alpha, epsilon;
};

// For one step: step_size and root_scale contain the bias corrections.
struct AdamCoefficients {
  float gradient_scale;
  float decay;  // the first factor of a parameter; exactly 1 for Adam
  float beta1, one_minus_beta1, beta2, one_minus_beta2;
  float step_size;   // learning_rate / (1 - beta1^t)
  float root_scale;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
};

struct OptimizerKernels {
  // A null velocity means that momentum is 0.
  void (*sgd)(const SgdCoefficients& coefficients, float* parameters, const float* gradients,
              float* velocity, int64_t count);
  // A null velocity means that momentum is 0.
  void (*rmsprop)(const RmsPropCoefficients& coefficients, float* parameters,
                  const float* gradients, float* square, float* velocity, int64_t count);
  void (*adam)(const AdamCoefficients& coefficients, float* parameters, const float* gradients,
               float* mean, float* square, int64_t count);
  // average = decay * average + (1 - decay) * parameters
  void (*average)(float decay, const float* parameters, float* average, int64_t count);
};

CNNX_DECLARE_KERNELS(OptimizerKernels, optimizer_kernels)

}  // namespace cnnx
