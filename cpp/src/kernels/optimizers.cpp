// The optimizers' updates as plain loops, which the compiler vectorises for each instruction set.
#include "kernels/optimizers.h"

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void sgd_without_momentum(const SgdCoefficients& c, float* __restrict parameters,
                          const float* __restrict gradients, int64_t count) {
  const float step = -c.learning_rate, weight_decay = c.weight_decay, scale = c.gradient_scale;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = fused_multiply_add(weight_decay, parameters[i], gradients[i] * scale);
    parameters[i] = fused_multiply_add(step, gradient, parameters[i]);
  }
}

template <bool nesterov>
void sgd_with_momentum(const SgdCoefficients& c, float* __restrict parameters,
                       const float* __restrict gradients, float* __restrict velocity,
                       int64_t count) {
  const float step = -c.learning_rate, momentum = c.momentum;
  const float weight_decay = c.weight_decay, scale = c.gradient_scale;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = fused_multiply_add(weight_decay, parameters[i], gradients[i] * scale);
    const float v = fused_multiply_add(momentum, velocity[i], gradient);
    velocity[i] = v;
    const float direction = nesterov ? fused_multiply_add(momentum, v, gradient) : v;
    parameters[i] = fused_multiply_add(step, direction, parameters[i]);
  }
}

void sgd(const SgdCoefficients& c, float* parameters, const float* gradients, float* velocity,
         int64_t count) {
  if (!velocity) {
    sgd_without_momentum(c, parameters, gradients, count);
  } else if (c.nesterov) {
    sgd_with_momentum<true>(c, parameters, gradients, velocity, count);
  } else {
    sgd_with_momentum<false>(c, parameters, gradients, velocity, count);
  }
}

template <bool with_momentum>
void rmsprop_loop(const RmsPropCoefficients& coefficients, float* __restrict parameters,
                  const float* __restrict gradients, float* __restrict square,
                  float* __restrict velocity, int64_t count) {
  const RmsPropCoefficients c = coefficients;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient =
        fused_multiply_add(c.weight_decay, parameters[i], gradients[i] * c.gradient_scale);
    const float s = fused_multiply_add(c.alpha, square[i], c.one_minus_alpha * gradient * gradient);
    square[i] = s;
    float direction = gradient / (__builtin_sqrtf(s) + c.epsilon);
    if constexpr (with_momentum) {
      direction = fused_multiply_add(c.momentum, velocity[i], direction);
      velocity[i] = direction;
    }
    parameters[i] = fused_multiply_add(-c.learning_rate, direction, parameters[i]);
  }
}

void rmsprop(const RmsPropCoefficients& c, float* parameters, const float* gradients, float* square,
             float* velocity, int64_t count) {
  if (velocity) {
    rmsprop_loop<true>(c, parameters, gradients, square, velocity, count);
  } else {
    rmsprop_loop<false>(c, parameters, gradients, square, velocity, count);
  }
}

void adam(const AdamCoefficients& coefficients, float* __restrict parameters,
          const float* __restrict gradients, float* __restrict mean, float* __restrict square,
          int64_t count) {
  const AdamCoefficients c = coefficients;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = gradients[i] * c.gradient_scale;
    const float m = fused_multiply_add(c.beta1, mean[i], c.one_minus_beta1 * gradient);
    const float s = fused_multiply_add(c.beta2, square[i], c.one_minus_beta2 * gradient * gradient);
    mean[i] = m;
    square[i] = s;
    const float root = fused_multiply_add(__builtin_sqrtf(s), c.root_scale, c.epsilon);
    parameters[i] = fused_multiply_add(-c.step_size, m / root, parameters[i] * c.decay);
  }
}

void average(float decay, const float* __restrict parameters, float* __restrict mean,
             int64_t count) {
  const float fraction = 1.0f - decay;
  for (int64_t i = 0; i < count; ++i) {
    mean[i] = fused_multiply_add(decay, mean[i], fraction * parameters[i]);
  }
}

}  // namespace

const OptimizerKernels optimizer_kernels = {sgd, rmsprop, adam, average};

}  // namespace CNNX_ISA
}  // namespace cnnx
