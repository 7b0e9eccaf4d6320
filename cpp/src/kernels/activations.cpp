// The elementwise activations as plain loops, which the compiler vectorises for each instruction
// set.
#include "kernels/activations.h"

#include "kernels/elementary.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

using Settings = ActivationSettings;

CNNX_INLINE float magnitude_of(float x) { return float_from_bits(float_bits(x) & ~kSignBit); }
CNNX_INLINE float minus_magnitude_of(float x) { return float_from_bits(float_bits(x) | kSignBit); }

// A row: value(x, settings) forward, gradient(grad_output, saved, settings) backward.
struct Relu {
  static CNNX_INLINE float value(float x, Settings) { return x < 0.0f ? 0.0f : x; }
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    return x <= 0.0f ? 0.0f : grad;
  }
};

// The first setting is a ceiling (kernels/relu.h).
struct ReluWithCeiling {
  static CNNX_INLINE float value(float x, Settings s) {
    const float positive = Relu::value(x, {});
    return positive > s.first ? s.first : positive;
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings s) {
    return select(x >= s.first, 0.0f, Relu::gradient(grad, x, {}));
  }
};

// The first setting is the slope.
struct LeakyRelu {
  static CNNX_INLINE float value(float x, Settings s) { return x < 0.0f ? s.first * x : x; }
  static CNNX_INLINE float gradient(float grad, float x, Settings s) {
    return x <= 0.0f ? s.first * grad : grad;
  }
};

// alpha (e^x - 1) below zero; the first setting is alpha. The gradient at 0 is alpha.
struct Elu {
  static CNNX_INLINE float value(float x, Settings s) {
    return select(x > 0.0f, x, s.first * expm1_f32(x));
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings s) {
    return grad * select(x > 0.0f, 1.0f, s.first * exp_f32(x));
  }
};

// A scaled ELU. The scale and alpha are the fixed point of mean 0 and variance 1.
struct Selu {
  static constexpr float kScale = 1.05070102f;
  static constexpr float kScaledAlpha = 1.75809932f;
  static CNNX_INLINE float value(float x, Settings) {
    return select(x > 0.0f, kScale * x, kScaledAlpha * expm1_f32(x));
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    return grad * select(x > 0.0f, kScale, kScaledAlpha * exp_f32(x));
  }
};

struct Sigmoid {
  static CNNX_INLINE float value(float x, Settings) { return sigmoid_f32(x); }
  static CNNX_INLINE float gradient(float grad, float y, Settings) {
    return grad * (y * (1.0f - y));
  }
};

struct Tanh {
  static CNNX_INLINE float value(float x, Settings) { return tanh_f32(x); }
  static CNNX_INLINE float gradient(float grad, float y, Settings) { return grad * (1.0f - y * y); }
};

// x / (1 + |x|), which is 1 or -1 beyond the bound.
struct Softsign {
  static CNNX_INLINE float value(float x, Settings) {
    constexpr float kBound = 1e30f;
    const float m = magnitude_of(x);
    const float bounded = select(m > kBound, kBound, m);
    const int32_t sign = float_bits(x) & kSignBit;
    return float_from_bits(float_bits(bounded / (1.0f + bounded)) | sign);
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    const float root = 1.0f / (1.0f + magnitude_of(x));
    return grad * (root * root);
  }
};

struct Reciprocal {
  static CNNX_INLINE float value(float x, Settings) { return 1.0f / x; }
  static CNNX_INLINE float gradient(float grad, float y, Settings) { return grad * -(y * y); }
};

// x Phi(x), where Phi is the standard normal distribution function. Computed from its tail Phi(-m)
// for m = |x|, which stays accurate where Phi(x) is nearly 0 or 1: x Phi(x) = max(x, 0) - m
// Phi(-m), also at infinity.
struct Gelu {
  static CNNX_INLINE float magnitude(float x) {
    constexpr float kTailIsZero = 16.0f;
    const float m = magnitude_of(x);
    return select(m > kTailIsZero, kTailIsZero, m);
  }
  static CNNX_INLINE float value(float x, Settings) {
    const float m = magnitude(x);
    const NormalTail tail = normal_tail_f32(m);
    return fused_multiply_add(-m * tail.ratio, tail.decay, select(x < 0.0f, 0.0f, x));
  }
  // Phi(x) + x phi(x), which is Phi(-m) - m phi(m) below zero and 1 minus that above.
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    constexpr float kDensityAtZero = 0.398942280f;
    const float m = magnitude(x);
    const NormalTail tail = normal_tail_f32(m);
    const float below = tail.decay * fused_multiply_add(m, -kDensityAtZero, tail.ratio);
    return grad * select(x < 0.0f, below, 1.0f - below);
  }
};

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = x sigmoid(z), which stays accurate where the
// sum cancels. Beyond the bound it is 0 or x.
struct GeluTanh {
  static constexpr float kBound = 16.0f;
  static constexpr float kLinear = 1.59576917f;   // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.0713548139f;  // times 0.044715
  static CNNX_INLINE float value(float x, Settings) {
    const float z = x * fused_multiply_add(x * x, kCubic, kLinear);
    return select(x < -kBound, -kBound, x) * sigmoid_f32(z);
  }
  // sigmoid(z) + x z' sigmoid(z) (1 - sigmoid(z)), from e^-|z| so that nothing cancels.
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    const float above = select(x < -kBound, -kBound, x);
    const float b = select(above > kBound, kBound, above);
    const float z = b * fused_multiply_add(b * b, kCubic, kLinear);
    const float slope = fused_multiply_add(b * b, 3.0f * kCubic, kLinear);
    const float decay = exp_f32(minus_magnitude_of(z));
    const float inverse = 1.0f / (1.0f + decay);
    const float bump = decay * inverse * inverse;
    return grad * fused_multiply_add(b * slope, bump, select(b >= 0.0f, 1.0f, decay) * inverse);
  }
};

// x sigmoid(x), which is 0 or x beyond the bound.
struct Silu {
  static constexpr float kBound = 104.0f;
  static CNNX_INLINE float value(float x, Settings) {
    return select(x < -kBound, -kBound, x) * sigmoid_f32(x);
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    const float above = select(x < -kBound, -kBound, x);
    const float s = sigmoid_f32(x);
    return grad * fused_multiply_add(select(above > kBound, kBound, above) * s, 1.0f - s, s);
  }
};

// x tanh(log(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2). Written in e^-|x|, it neither
// overflows nor cancels. Beyond the bound it is 0 or x.
struct Mish {
  static constexpr float kBound = 104.0f;
  struct Fraction {
    float decay, numerator, divisor;
  };
  static CNNX_INLINE Fraction fraction(float x) {
    const float decay = exp_f32(minus_magnitude_of(x));
    const float above = fused_multiply_add(2.0f, decay, 1.0f), below = decay * (decay + 2.0f);
    const float numerator = select(x >= 0.0f, above, below);
    const float rest = 2.0f * select(x >= 0.0f, decay * decay, 1.0f);
    return {decay, numerator, numerator + rest};
  }
  static CNNX_INLINE float value(float x, Settings) {
    const Fraction f = fraction(x);
    return select(x < -kBound, -kBound, x) * (f.numerator / f.divisor);
  }
  // The tanh and x times its derivative, 4 (1 + decay) decay / divisor^2, with decay^2 above zero.
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    const float above = select(x < -kBound, -kBound, x);
    const float bounded = select(above > kBound, kBound, above);
    const Fraction f = fraction(x);
    const float inverse = 1.0f / f.divisor;
    const float power = select(x >= 0.0f, f.decay * f.decay, f.decay);
    const float slope = 4.0f * power * (1.0f + f.decay) * (inverse * inverse);
    return grad * fused_multiply_add(bounded, slope, f.numerator * inverse);
  }
};

// x clamp(x + 3, 0, 6) / 6.
struct HardSwish {
  static constexpr float kSixth = 0.166666667f;
  static CNNX_INLINE float value(float x, Settings) {
    const float bent = x * (x + 3.0f) * kSixth;
    return select(x <= -3.0f, 0.0f, select(x >= 3.0f, x, bent));
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings) {
    const float slope = fused_multiply_add(x, 2.0f * kSixth, 0.5f);
    return grad * select(x <= -3.0f, 0.0f, select(x >= 3.0f, 1.0f, slope));
  }
};

// clamp((x + shift) slope, 0, 1); the settings are the slope and the shift.
struct HardSigmoid {
  static CNNX_INLINE float value(float x, Settings s) {
    const float line = (x + s.second) * s.first;
    return select(line <= 0.0f, 0.0f, select(line >= 1.0f, 1.0f, line));
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings s) {
    const float end = 1.0f / s.first - s.second;
    return select(x > -s.second, select(x < end, grad * s.first, 0.0f), 0.0f);
  }
};

// log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
struct Softplus {
  static CNNX_INLINE float value(float x, Settings) {
    const float decay = exp_f32(minus_magnitude_of(x));
    return select(x < 0.0f, 0.0f, x) + log1p_f32(decay);
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings) { return grad * sigmoid_f32(x); }
};

// The settings are the minimum and the maximum.
struct Clip {
  static CNNX_INLINE float value(float x, Settings s) {
    const float above = x < s.first ? s.first : x;
    return above > s.second ? s.second : above;
  }
  static CNNX_INLINE float gradient(float grad, float y, Settings s) {
    return select(y <= s.first, 0.0f, select(y >= s.second, 0.0f, grad));
  }
};

struct Relu6 {
  static constexpr Settings kLimits = {0.0f, 6.0f};
  static CNNX_INLINE float value(float x, Settings) { return Clip::value(x, kLimits); }
  static CNNX_INLINE float gradient(float grad, float y, Settings) {
    return Clip::gradient(grad, y, kLimits);
  }
};

// x where its magnitude exceeds the threshold, the first setting, else 0.
struct HardShrink {
  static CNNX_INLINE float value(float x, Settings s) {
    return select(magnitude_of(x) <= s.first, 0.0f, x);
  }
  static CNNX_INLINE float gradient(float grad, float x, Settings s) {
    return select(magnitude_of(x) <= s.first, 0.0f, grad);
  }
};

// The same, nearer to 0 by the threshold.
struct SoftShrink : HardShrink {
  static CNNX_INLINE float value(float x, Settings s) {
    return x - Clip::value(x, {-s.first, s.first});
  }
};

template <class Row>
void forward(const float* x, int64_t count, Settings settings, float* output) {
  for (int64_t i = 0; i < count; ++i) output[i] = Row::value(x[i], settings);
}

template <class Row>
void backward(const float* grad_output, const float* saved, int64_t count, Settings settings,
              bool accumulate, float* grad_input) {
  if (accumulate) {
    for (int64_t i = 0; i < count; ++i)
      grad_input[i] += Row::gradient(grad_output[i], saved[i], settings);
  } else {
    for (int64_t i = 0; i < count; ++i)
      grad_input[i] = Row::gradient(grad_output[i], saved[i], settings);
  }
}

template <class Row>
constexpr ActivationKernels row(const char* name, bool gradient_from_output) {
  return {name, forward<Row>, gradient_from_output};
}

constexpr bool kFromInput = false, kFromOutput = true;

constexpr ActivationKernels kRows[] = {
    row<Relu>("relu", kFromOutput),
    row<LeakyRelu>("leaky_relu", kFromInput),
    row<Elu>("elu", kFromInput),
    row<Selu>("selu", kFromInput),
    row<Sigmoid>("sigmoid", kFromOutput),
    row<Tanh>("tanh", kFromOutput),
    row<Softsign>("softsign", kFromInput),
    row<Gelu>("gelu", kFromInput),
    row<GeluTanh>("gelu_tanh", kFromInput),
    row<Silu>("silu", kFromInput),
    row<Mish>("mish", kFromInput),
    row<HardSwish>("hard_swish", kFromInput),
    row<Clip>("clip", kFromOutput),
    row<Relu6>("relu6", kFromOutput),
    row<Softplus>("softplus", kFromInput),
    row<HardSigmoid>("hard_sigmoid", kFromInput),
    row<Reciprocal>("reciprocal", kFromOutput),
    row<HardShrink>("hard_shrink", kFromInput),
    row<SoftShrink>("soft_shrink", kFromInput),
    {},
};

// In the order of the rows above.
constexpr ActivationGradient kGradients[] = {
    backward<Relu>,       backward<LeakyRelu>,  backward<Elu>,        backward<Selu>,
    backward<Sigmoid>,    backward<Tanh>,       backward<Softsign>,   backward<Gelu>,
    backward<GeluTanh>,   backward<Silu>,       backward<Mish>,       backward<HardSwish>,
    backward<Clip>,       backward<Relu6>,      backward<Softplus>,   backward<HardSigmoid>,
    backward<Reciprocal>, backward<HardShrink>, backward<SoftShrink>,
};
static_assert(sizeof kGradients / sizeof *kGradients + 1 == sizeof kRows / sizeof *kRows,
              "an activation lacks its gradient");

}  // namespace

const ActivationTable activation_kernels = {kRows, forward<ReluWithCeiling>,
                                            backward<ReluWithCeiling>};
const ActivationGradientTable activation_gradient_kernels = {kGradients};

}  // namespace CNNX_ISA
}  // namespace cnnx
