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

// x Phi(x), where Phi is the standard normal distribution function. Computed from its tail Phi(-m)
// for m = |x|, which stays accurate where Phi(x) is nearly 0 or 1: x Phi(x) = max(x, 0) - m
// Phi(-m), also at infinity.
struct Gelu {
  static CNNX_INLINE float magnitude(float x) {
    constexpr float kTailIsZero = 16.0f;
    const float m = float_from_bits(float_bits(x) & ~kSignBit);
    return select(m > kTailIsZero, kTailIsZero, m);
  }
  static CNNX_INLINE float value(float x, float) {
    const float m = magnitude(x);
    const NormalTail tail = normal_tail_f32(m);
    return fused_multiply_add(-m * tail.ratio, tail.decay, select(x < 0.0f, 0.0f, x));
  }
  // Phi(x) + x phi(x), which is Phi(-m) - m phi(m) below zero and 1 minus that above.
  static CNNX_INLINE float gradient(float grad, float x, float) {
    constexpr float kDensityAtZero = 0.398942280f;
    const float m = magnitude(x);
    const NormalTail tail = normal_tail_f32(m);
    const float below = tail.decay * fused_multiply_add(m, -kDensityAtZero, tail.ratio);
    return grad * select(x < 0.0f, below, 1.0f - below);
  }
};

// x sigmoid(x), which is 0 or x beyond the bound.
struct Silu {
  static constexpr float kBound = 104.0f;
  static CNNX_INLINE float value(float x, float) {
    return select(x < -kBound, -kBound, x) * sigmoid_f32(x);
  }
  static CNNX_INLINE float gradient(float grad, float x, float) {
    const float above = select(x < -kBound, -kBound, x);
    const float s = sigmoid_f32(x);
    return grad * fused_multiply_add(select(above > kBound, kBound, above) * s, 1.0f - s, s);
  }
};

// x clamp(x + 3, 0, 6) / 6.
struct HardSwish {
  static constexpr float kSixth = 0.166666667f;
  static CNNX_INLINE float value(float x, float) {
    const float bent = x * (x + 3.0f) * kSixth;
    return select(x <= -3.0f, 0.0f, select(x >= 3.0f, x, bent));
  }
  static CNNX_INLINE float gradient(float grad, float x, float) {
    const float slope = fused_multiply_add(x, 2.0f * kSixth, 0.5f);
    return grad * select(x <= -3.0f, 0.0f, select(x >= 3.0f, 1.0f, slope));
  }
};

// clamp(x + 3, 0, 6) / 6.
struct HardSigmoid {
  static constexpr float kSixth = 0.166666667f;
  static CNNX_INLINE float value(float x, float) {
    return select(x <= -3.0f, 0.0f, select(x >= 3.0f, 1.0f, (x + 3.0f) * kSixth));
  }
  static CNNX_INLINE float gradient(float grad, float x, float) {
    return select(x > -3.0f, select(x < 3.0f, grad * kSixth, 0.0f), 0.0f);
  }
};

// log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
struct Softplus {
  static CNNX_INLINE float value(float x, float) {
    const float decay = exp_f32(float_from_bits(float_bits(x) | kSignBit));
    return select(x < 0.0f, 0.0f, x) + log1p_f32(decay);
  }
  static CNNX_INLINE float gradient(float grad, float x, float) { return grad * sigmoid_f32(x); }
};

struct Relu6 {
  static CNNX_INLINE float value(float x, float) {
    const float positive = x < 0.0f ? 0.0f : x;
    return positive > 6.0f ? 6.0f : positive;
  }
  static CNNX_INLINE float gradient(float grad, float y, float) {
    return select(y <= 0.0f, 0.0f, select(y >= 6.0f, 0.0f, grad));
  }
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

template <class Row>
constexpr ActivationKernels row(const char* name, bool gradient_from_output) {
  return {name, forward<Row>, backward<Row>, gradient_from_output};
}

constexpr bool kFromInput = false, kFromOutput = true;

constexpr ActivationKernels kRows[] = {
    row<Relu>("relu", kFromOutput),
    row<LeakyRelu>("leaky_relu", kFromInput),
    row<Sigmoid>("sigmoid", kFromOutput),
    row<Tanh>("tanh", kFromOutput),
    row<Gelu>("gelu", kFromInput),
    row<Silu>("silu", kFromInput),
    row<HardSwish>("hard_swish", kFromInput),
    row<Relu6>("relu6", kFromOutput),
    row<Softplus>("softplus", kFromInput),
    row<HardSigmoid>("hard_sigmoid", kFromInput),
    {},
};

}  // namespace

const ActivationTable activation_kernels = {kRows, &kRows[0]};

}  // namespace CNNX_ISA
}  // namespace cnnx
