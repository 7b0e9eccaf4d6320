// exp, log, sin, cos, tanh, sigmoid and expm1 in float32, for kernels: without libm, so the bits
// are the same on every machine whose fused_multiply_add fuses. The functions are branch-free, so
// the compiler vectorises plain loops over them without -ffast-math. The error is at most 4 ULP
// (measured over all floats: exp 1.1, log 0.9, tanh 1.3, sigmoid 2.3, sin and cos 1.6, expm1 0.9),
// denormal results included. NaN gives NaN. The tail of the normal distribution documents its own
// error.
//
// The polynomials are this project's own: Chebyshev-node fits, weighted for the relative error of
// the whole function, with coefficients rounded to float32 one after the other. Their own error is
// below 0.1 ULP.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/simd.h"

namespace {

CNNX_INLINE int32_t float_bits(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

CNNX_INLINE float float_from_bits(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// condition ? yes : no, by masks. Compilers turn ?: into jumps, and a loop with jumps stays scalar.
CNNX_INLINE int32_t select_bits(bool condition, int32_t yes, int32_t no) {
  const int32_t mask = -static_cast<int32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

CNNX_INLINE float select(bool condition, float yes, float no) {
  return float_from_bits(select_bits(condition, float_bits(yes), float_bits(no)));
}

constexpr int32_t kSignBit = INT32_MIN;
// ln 2 in two parts. The first has 10 significant bits, so its product with an exponent is exact.
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440e-4f;

// 2^exponent for -126 <= exponent <= 127.
CNNX_INLINE float power_of_two(int32_t exponent) {
  return float_from_bits(static_cast<int32_t>(static_cast<uint32_t>(exponent + 127) << 23));
}

// e^x = 2^exponent (1 + excess), |excess| <= sqrt(2) - 1, for |x| <= 104.
struct ReducedExponential {
  int32_t exponent;
  float excess;
};

CNNX_INLINE ReducedExponential reduce_exponential(float x) {
  // Adding 1.5 * 2^23 rounds to the nearest integer, in the low bits.
  constexpr float kRound = 12582912.0f;
  constexpr float kLog2E = 1.44269504f;
  const float rounded = fused_multiply_add(x, kLog2E, kRound);
  const int32_t exponent = float_bits(rounded) - float_bits(kRound);
  const float whole = rounded - kRound;
  float r = fused_multiply_add(whole, -kLn2High, x);
  r = fused_multiply_add(whole, -kLn2Low, r);
  // e^r = 1 + r + r^2 q(r) on |r| <= ln(2) / 2.
  float q = 0.00138189388f;
  q = fused_multiply_add(q, r, 0.00836870354f);
  q = fused_multiply_add(q, r, 0.0416682884f);
  q = fused_multiply_add(q, r, 0.166665211f);
  q = fused_multiply_add(q, r, 0.49999994f);
  return {exponent, fused_multiply_add(r * r, q, r)};
}

// e^x for -104 <= x <= 89, or NaN; the two scales below are normal.
CNNX_INLINE float exp_in_range(float x) {
  const ReducedExponential reduced = reduce_exponential(x);
  const float fraction = reduced.excess + 1.0f;
  // In two halves: 2^128 is not a float, and a denormal result must be rounded only once.
  const int32_t half = reduced.exponent >> 1;
  return fraction * power_of_two(half) * power_of_two(reduced.exponent - half);
}

// e^x; 0 below -103.97, infinity above 88.72.
CNNX_INLINE float exp_f32(float x) {
  // Comparisons with NaN are false, so it passes.
  const float clamped = select(x > 89.0f, 89.0f, x);
  return exp_in_range(select(clamped < -104.0f, -104.0f, clamped));
}

// e^x - 1 for x <= 0, with the relative precision that exp_f32(x) - 1 loses near 0.
CNNX_INLINE float expm1_f32(float x) {
  constexpr float kIsMinusOne = -20.0f;
  const ReducedExponential reduced = reduce_exponential(select(x < kIsMinusOne, kIsMinusOne, x));
  const float scale = power_of_two(reduced.exponent);
  return fused_multiply_add(scale, reduced.excess, scale - 1.0f);
}

// Natural logarithm; -infinity at either zero, NaN below.
CNNX_INLINE float log_f32(float x) {
  constexpr float kSmallestNormal = 1.17549435e-38f;
  constexpr int32_t kSqrtHalf = 0x3F3504F3;
  const bool denormal = x < kSmallestNormal;
  const float scaled = select(denormal, x * 8388608.0f, x);
  // scaled = 2^exponent * mantissa, mantissa in [sqrt(1/2), sqrt(2)): near 1 the exponent is 0 and
  // the result keeps its relative precision.
  const int32_t shifted =
      static_cast<int32_t>(static_cast<uint32_t>(float_bits(scaled)) - kSqrtHalf);
  const int32_t exponent = (shifted >> 23) - select_bits(denormal, 23, 0);
  const float mantissa = float_from_bits((shifted & 0x007FFFFF) + kSqrtHalf);
  // log(1 + f) = f - f^2 / 2 + f^3 p(f).
  const float f = mantissa - 1.0f;
  float p = -0.0763694048f;
  p = fused_multiply_add(p, f, 0.127624854f);
  p = fused_multiply_add(p, f, -0.131595507f);
  p = fused_multiply_add(p, f, 0.142015398f);
  p = fused_multiply_add(p, f, -0.166234106f);
  p = fused_multiply_add(p, f, 0.200012431f);
  p = fused_multiply_add(p, f, -0.250008196f);
  p = fused_multiply_add(p, f, 0.333333313f);
  const float square = f * f;
  const float whole = static_cast<float>(exponent);
  float tail = fused_multiply_add(p, f, -0.5f) * square;
  tail = fused_multiply_add(whole, kLn2Low, tail);
  const float finite = fused_multiply_add(whole, kLn2High, f + tail);
  const float at_zero = select(x == 0.0f, -__builtin_inff(), __builtin_nanf(""));
  const float positive = select(x < __builtin_inff(), finite, x);
  return select(x > 0.0f, positive, at_zero);
}

// log(1 + u) for 0 <= u <= 1, with the relative precision that log_f32(1 + u) loses for small u:
// the result is scaled by u / ((1 + u) - 1), the relative rounding error of 1 + u (Kahan).
CNNX_INLINE float log1p_f32(float u) {
  const float w = 1.0f + u;
  const float step = w - 1.0f;
  const float corrected = log_f32(w) * (u / select(step == 0.0f, 1.0f, step));
  return select(step == 0.0f, u, corrected);
}

// tanh x; preserves the sign of zero.
CNNX_INLINE float tanh_f32(float x) {
  const int32_t sign = float_bits(x) & kSignBit;
  const float magnitude = float_from_bits(float_bits(x) & ~kSignBit);
  // tanh a = a + a^3 p(a^2) below 0.625, where 1 - 2 / (e^2a + 1) would cancel.
  const float square = magnitude * magnitude;
  float p = -0.00569581287f;
  p = fused_multiply_add(p, square, 0.0206308253f);
  p = fused_multiply_add(p, square, -0.0537371412f);
  p = fused_multiply_add(p, square, 0.133314103f);
  p = fused_multiply_add(p, square, -0.333332807f);
  const float small = fused_multiply_add(magnitude * square, p, magnitude);
  const float large = 1.0f - 2.0f / (exp_f32(magnitude + magnitude) + 1.0f);
  return float_from_bits(float_bits(select(magnitude < 0.625f, small, large)) | sign);
}

// 1 / (1 + e^-x), from e^-|x| so that neither tail overflows. Far below zero it is e^x down to the
// last denormal.
CNNX_INLINE float sigmoid_f32(float x) {
  const float decay = exp_f32(float_from_bits(float_bits(x) | kSignBit));
  const float numerator = select(x >= 0.0f, 1.0f, decay);
  return numerator / (1.0f + decay);
}

// The tail of the standard normal distribution, Phi(-x) = (1 - erf(x / sqrt(2))) / 2 for x >= 0, as
// decay * ratio with decay = e^(-x^2 / 2). Rounding x^2 costs x^2 / 2 ULP, the rest 6.
struct NormalTail {
  float decay, ratio;
};

CNNX_INLINE NormalTail normal_tail_f32(float x) {
  // ratio = t p(t), t = 1 / (1 + a x): it falls from 1/2 as slowly as 1 / x.
  const float t = 1.0f / fused_multiply_add(x, 0.34375f, 1.0f);
  float p = -0.0275821537f;
  p = fused_multiply_add(p, t, 0.142803848f);
  p = fused_multiply_add(p, t, -0.2696805f);
  p = fused_multiply_add(p, t, 0.188743383f);
  p = fused_multiply_add(p, t, -0.037907932f);
  p = fused_multiply_add(p, t, 0.112107418f);
  p = fused_multiply_add(p, t, 0.116869591f);
  p = fused_multiply_add(p, t, 0.137525812f);
  p = fused_multiply_add(p, t, 0.137120545f);
  return {exp_f32(x * x * -0.5f), t * p};
}

// An angle as quadrant * pi/2 + remainder, |remainder| <= pi/4.
struct ReducedAngle {
  float remainder;
  int32_t quadrant;  // only its low two bits are used
};

// The bits of 2/pi after one word of zeros.
constexpr uint32_t kTwoOverPi[8] = {0x00000000, 0xA2F9836E, 0x4E441529, 0xFC2757D1,
                                    0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB};

// Exact for every finite magnitude >= 0 (Payne and Hanek). With magnitude = mantissa * 2^e, the
// bits of 2/pi that contribute multiples of 4 quadrants, or less than the last bit of the
// remainder, are irrelevant. The others are a window of 96 bits at position e. The product with the
// mantissa is integer arithmetic modulo 2^64, read as 2 bits of quadrant and 62 of fraction.
CNNX_INLINE ReducedAngle reduce_angle(float magnitude) {
  constexpr float kQuarterPi = 0.785398163f;
  constexpr double kHalfPiTimes2To62 = 1.5707963267948966 / 4611686018427387904.0;
  const int32_t bits = float_bits(magnitude);
  const int32_t place =
      (bits >> 23) - 120;  // below 0 only under pi/4, where the window is not used
  const uint32_t start = static_cast<uint32_t>(select_bits(place < 0, 0, place));
  const uint32_t word = start >> 5, shift = start & 31;
  const uint64_t first = (static_cast<uint64_t>(kTwoOverPi[word]) << 32) | kTwoOverPi[word + 1];
  const uint64_t second =
      (static_cast<uint64_t>(kTwoOverPi[word + 1]) << 32) | kTwoOverPi[word + 2];
  const uint64_t third = (static_cast<uint64_t>(kTwoOverPi[word + 2]) << 32) | kTwoOverPi[word + 3];
  const uint64_t high = (first << shift) >> 32, middle = (second << shift) >> 32;
  const uint64_t low = (third << shift) >> 32;
  const uint64_t mantissa = static_cast<uint32_t>((bits & 0x007FFFFF) | 0x00800000);
  const uint64_t turns = ((mantissa * high) << 32) + mantissa * middle + ((mantissa * low) >> 32);
  const uint64_t quadrant = (turns + (uint64_t{1} << 61)) >> 62;  // to the nearest
  const uint64_t fraction = turns - (quadrant << 62);
  // Signed 64 bits to double by halves, which vectorises on every ISA.
  const double upper = static_cast<int32_t>(static_cast<uint32_t>(fraction >> 32));
  const double lower = static_cast<int32_t>(static_cast<uint32_t>(fraction) >> 1);
  const double remainder = (upper * 4294967296.0 + lower * 2.0) * kHalfPiTimes2To62;
  const bool inside = magnitude < kQuarterPi;
  return {select(inside, magnitude, static_cast<float>(remainder)),
          select_bits(inside, 0, static_cast<int32_t>(static_cast<uint32_t>(quadrant)))};
}

// sin of the angle for an even quadrant, cos for an odd one, negated in quadrants 2 and 3.
CNNX_INLINE float sine_of(ReducedAngle angle) {
  const float r = angle.remainder;
  const float square = r * r;
  float p = -0.000195179091f;
  p = fused_multiply_add(p, square, 0.00833218731f);
  p = fused_multiply_add(p, square, -0.166666552f);
  const float sine = fused_multiply_add(r * square, p, r);
  float q = 2.44323364e-05f;
  q = fused_multiply_add(q, square, -0.00138873095f);
  q = fused_multiply_add(q, square, 0.0416666456f);
  const float cosine =
      fused_multiply_add(square * square, q, fused_multiply_add(square, -0.5f, 1.0f));
  const float value = select((angle.quadrant & 1) != 0, cosine, sine);
  const uint32_t sign = (static_cast<uint32_t>(angle.quadrant) & 2u) << 30;
  return float_from_bits(float_bits(value) ^ static_cast<int32_t>(sign));
}

// sin x, x in radians and of any size; NaN at the infinities; preserves the sign of zero.
CNNX_INLINE float sin_f32(float x) {
  const int32_t sign = float_bits(x) & kSignBit;
  const float magnitude = float_from_bits(float_bits(x) & ~kSignBit);
  const float sine = float_from_bits(float_bits(sine_of(reduce_angle(magnitude))) ^ sign);
  return select(magnitude < __builtin_inff(), sine, x - x);
}

// cos x, x in radians and of any size; NaN at the infinities.
CNNX_INLINE float cos_f32(float x) {
  const float magnitude = float_from_bits(float_bits(x) & ~kSignBit);
  const ReducedAngle angle = reduce_angle(magnitude);
  const float cosine = sine_of({angle.remainder, angle.quadrant + 1});
  return select(magnitude < __builtin_inff(), cosine, x - x);
}

}  // namespace
