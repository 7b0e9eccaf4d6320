// The elementwise activations as plain loops, which the compiler vectorises for each instruction
// set.
#include "kernels/activations.h"

#include "kernels/elementary.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A row: value(x) forward, gradient(grad_output, saved) backward.
struct Relu {
  static CNNX_INLINE float value(float x, float) { return x < 0.0f ? 0.0f : x; }
  static CNNX_INLINE float gradient(float grad, float x, float) { return x <= 0.0f ? 0.0f : grad; }
};

struct LeakyRelu {
  static CNNX_INLINE float value(float x, float slope) { return x < 0.0f ? slope * x : x; }
  static CNNX_INLINE float gradient(float grad, float x, float slope) {
    return x <= 0.0f ? slope * grad : grad;
  }
};

struct Sigmoid {
  static CNNX_INLINE float value(float x, float) { return sigmoid_f32(x); }
  static CNNX_INLINE float gradient(float grad, float y, float) { return grad * (y * (1.0f - y)); }
};

struct Tanh {
  static CNNX_INLINE float value(float x, float) { return tanh_f32(x); }
  static CNNX_INLINE float gradient(float grad, float y, float) { return grad * (1.0f - y * y); }
};

template <class Row>
void forward(const float* x, int64_t count, float setting, float* output) {
  for (int64_t i = 0; i < count; ++i) output[i] = Row::value(x[i], setting);
}

template <class Row>
void backward(const float* grad_output, const float* saved, int64_t count, float setting,
              bool accumulate, float* grad_input) {
  if (accumulate) {
    for (int64_t i = 0; i < count; ++i)
      grad_input[i] += Row::gradient(grad_output[i], saved[i], setting);
  } else {
    for (int64_t i = 0; i < count; ++i)
      grad_input[i] = Row::gradient(grad_output[i], saved[i], setting);
  }
}

}  // namespace

const ActivationKernels activation_kernels = {
    {forward<Relu>, forward<LeakyRelu>, forward<Sigmoid>, forward<Tanh>},
    {backward<Relu>, backward<LeakyRelu>, backward<Sigmoid>, backward<Tanh>},
};

}  // namespace CNNX_ISA
}  // namespace cnnx
