// The elementary functions against libm in double precision, over a sweep of all float bit
// patterns. The digests of the results are the same on every machine.
#include "runtime/elementary.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "check.h"
#include "digest.h"
#include "kernels/elementary.h"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallestDenormal = std::numeric_limits<float>::denorm_min();
// Up to which libm's sin and cos are exact enough.
#if defined(__MINGW32__)
constexpr float kLargestAngle = 0x1p16f;
#else
constexpr float kLargestAngle = kInfinity;
#endif

// One unit in the last place of a float of `exact`'s size.
double ulp_error(float value, double exact) {
  if (std::isnan(exact)) return std::isnan(value) ? 0 : kInfinity;
  if (std::isnan(value)) return kInfinity;
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(value)) return value == rounded ? 0 : kInfinity;
  int exponent = -149;
  if (exact != 0) std::frexp(exact, &exponent);
  return std::fabs(value - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

bool same_bits(float a, float b) { return float_bits(a) == float_bits(b); }

// Errors are measured up to the magnitude `largest`.
void sweep(const char* name, float (*function)(float), double (*exact)(double),
           float largest = kInfinity) {
  constexpr uint32_t kStride =
      1009;  // a prime: covers all exponents and all low bits with about 4 million values
  double worst = 0;
  float worst_at = 0;
  cnnx::test::Digest digest;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += kStride) {
    const float x = float_from_bits(static_cast<int32_t>(static_cast<uint32_t>(bits)));
    const float value = function(x);
    const int32_t value_bits = std::isnan(value) ? -1 : float_bits(value);
    digest.add(&value_bits, 1);
    if (std::fabs(x) > largest) continue;
    const double error = ulp_error(value, exact(static_cast<double>(x)));
    if (!(error <= worst)) {
      worst = error;
      worst_at = x;
    }
  }
  std::printf("%-8s %.2f ULP at %.9g\n", name, worst, static_cast<double>(worst_at));
  std::printf("digest %s %016llx\n", name, static_cast<unsigned long long>(digest.value()));
  CHECK(worst <= 4);
}

void special_values() {
  using cnnx::runtime::cos, cnnx::runtime::exp, cnnx::runtime::log, cnnx::runtime::sin,
      cnnx::runtime::tanh;
  CHECK(exp(-kInfinity) == 0.0f);
  CHECK(exp(kInfinity) == kInfinity);
  CHECK(exp(kLargest) == kInfinity);
  CHECK(exp(-kLargest) == 0.0f);
  CHECK(exp(0.0f) == 1.0f);
  CHECK(exp(-0.0f) == 1.0f);
  CHECK(exp(88.7f) < kInfinity);
  CHECK(exp(88.73f) == kInfinity);
  CHECK(exp(-103.9f) == kSmallestDenormal);
  CHECK(std::isnan(exp(kNan)));

  CHECK(log(0.0f) == -kInfinity);
  CHECK(log(-0.0f) == -kInfinity);
  CHECK(log(kInfinity) == kInfinity);
  CHECK(same_bits(log(1.0f), 0.0f));
  CHECK(std::isnan(log(-kSmallestDenormal)));
  CHECK(std::isnan(log(-kInfinity)));
  CHECK(std::isnan(log(kNan)));
  CHECK(ulp_error(log(kSmallestDenormal), -149 * std::log(2.0)) <= 4);

  CHECK(tanh(kInfinity) == 1.0f);
  CHECK(tanh(-kInfinity) == -1.0f);
  CHECK(same_bits(tanh(-0.0f), -0.0f));
  CHECK(std::isnan(tanh(kNan)));

  CHECK(same_bits(sin(0.0f), 0.0f));
  CHECK(same_bits(sin(-0.0f), -0.0f));
  CHECK(cos(-0.0f) == 1.0f);
  for (float x : {kInfinity, -kInfinity, kNan}) {
    CHECK(std::isnan(sin(x)));
    CHECK(std::isnan(cos(x)));
  }
  // The float nearest to a multiple of pi/2: the remainder needs 30 more bits than the angle has.
  constexpr float kNearMultiple = 16367173.0f * 0x1p72f;
  if (kNearMultiple <= kLargestAngle)
    CHECK(ulp_error(cos(kNearMultiple), std::cos(static_cast<double>(kNearMultiple))) <= 4);

  CHECK(expm1_f32(0.0f) == 0.0f);
  CHECK(expm1_f32(-kSmallestDenormal) == -kSmallestDenormal);
  CHECK(expm1_f32(-kInfinity) == -1.0f);
  CHECK(std::isnan(expm1_f32(kNan)));

  CHECK(sigmoid_f32(0.0f) == 0.5f);
  CHECK(sigmoid_f32(kInfinity) == 1.0f);
  CHECK(sigmoid_f32(-kInfinity) == 0.0f);
  CHECK(ulp_error(sigmoid_f32(-100.0f), std::exp(-100.0)) <= 4);
  CHECK(std::isnan(sigmoid_f32(kNan)));
}

// Softmax and similar functions rely on it: a larger argument gives a smaller result only by
// rounding.
void exp_does_not_step_back() {
  bool ordered = true;
  float before = 0.0f;
  for (int step = -2000; step <= 2000; ++step) {
    const float value = cnnx::runtime::exp(static_cast<float>(step) * 0.04f);
    ordered = ordered && value >= before;
    before = value;
  }
  CHECK(ordered);
}

// For x >= 0, Phi(-x) within 6 + x^2 / 2 ULP.
void normal_tail() {
  bool close = true;
  for (float x = 0.0f; x < 13.0f; x += 0.00037f) {
    const NormalTail tail = normal_tail_f32(x);
    const double exact = 0.5 * std::erfc(static_cast<double>(x) * std::sqrt(0.5));
    close = close && ulp_error(tail.decay * tail.ratio, exact) <= 6 + x * x / 2;
  }
  CHECK(close);
}

}  // namespace

int elementary_test(int, char*[]) {
  namespace runtime = cnnx::runtime;
  sweep("exp", [](float x) { return runtime::exp(x); }, [](double x) { return std::exp(x); });
  sweep("log", [](float x) { return runtime::log(x); }, [](double x) { return std::log(x); });
  cnnx::test::left_out(kLargestAngle < kInfinity, "errors of sin and cos of large angles",
                       "this C library reduces them by the first 66 bits of pi");
  sweep(
      "sin", [](float x) { return runtime::sin(x); }, [](double x) { return std::sin(x); },
      kLargestAngle);
  sweep(
      "cos", [](float x) { return runtime::cos(x); }, [](double x) { return std::cos(x); },
      kLargestAngle);
  sweep("tanh", [](float x) { return runtime::tanh(x); }, [](double x) { return std::tanh(x); });
  sweep(
      "sigmoid", [](float x) { return sigmoid_f32(x); },
      [](double x) { return std::exp(std::fmin(x, 0)) / (1 + std::exp(-std::fabs(x))); });
  sweep(
      "expm1", [](float x) { return expm1_f32(std::min(x, 0.0f)); },
      [](double x) { return std::expm1(std::min(x, 0.0)); });
  special_values();
  normal_tail();
  exp_does_not_step_back();
  return cnnx::test::finish("elementary_test");
}
