// The first half of a softmax, shared with cross-entropy: a row's maximum, and exp(x - maximum)
// with its sum.
#pragma once

#include "kernels/elementary.h"
#include "kernels/sixteen_sums.h"

namespace {

template <int64_t width>
CNNX_INLINE void fold_maximum(float* lane) {
  for (int64_t j = 0; j < width; ++j)
    lane[j] = lane[j + width] > lane[j] ? lane[j + width] : lane[j];
  if constexpr (width > 1) fold_maximum<width / 2>(lane);
}

// Of the numbers; a NaN is ignored here and appears in the exponentials.
CNNX_INLINE float row_maximum(const float* x, int64_t count) {
  float lane[kSums];
  read_sixteen(x, count, -__builtin_inff(), lane);
  for (int64_t i = kSums; i < count; i += kSums) {
    float value[kSums];
    read_sixteen(x + i, count - i, -__builtin_inff(), value);
    for (int64_t j = 0; j < kSums; ++j) lane[j] = value[j] > lane[j] ? value[j] : lane[j];
  }
  fold_maximum<kSums / 2>(lane);
  return lane[0];
}

// SixteenSums without rounding errors until the end: the rounding error of each addition (Knuth's
// two-sum) is summed separately. A plain sum of a thousand exponentials is ten ULP off.
class CarefulSums {
 public:
  CNNX_INLINE void add(const float* lanes) {
    CNNX_UNROLL
    for (int part = 0; part < kParts; ++part) {
      const Vector before = sum_[part], value = load(lanes + part * kLanes);
      const Vector after = before + value;
      const Vector moved = after - before;
      error_[part] += (before - (after - moved)) + (value - moved);
      sum_[part] = after;
    }
  }
  CNNX_INLINE float total() const { return static_cast<float>(total_minus(0.0f)); }
  // The total minus 1, also accurate where the total is just above 1: 1 is subtracted from the
  // first lane that holds as much.
  CNNX_INLINE float excess() const { return static_cast<float>(total_minus(1.0f)); }

 private:
  static constexpr int kParts = static_cast<int>(kSums) / kLanes;

  CNNX_INLINE double total_minus(float part) const {
    float sum[kSums], error[kSums];
    CNNX_UNROLL
    for (int i = 0; i < kParts; ++i) {
      store(sum + i * kLanes, sum_[i]);
      store(error + i * kLanes, error_[i]);
    }
    double lane[kSums];
    for (int64_t j = 0; j < kSums; ++j) {
      const float subtracted = sum[j] >= part ? part : 0.0f;
      part -= subtracted;
      lane[j] = (static_cast<double>(sum[j]) - static_cast<double>(subtracted)) +
                static_cast<double>(error[j]);
    }
    fold_sums<kSums / 2>(lane);
    return lane[0];
  }

  Vector sum_[kParts] = {}, error_[kParts] = {};
};

// exp(x - maximum) for x <= maximum. Far from the maximum the rounding error of the difference
// would cost many ULPs. So it is computed exactly (Knuth's two-sum) and applied: exp(d + e) =
// exp(d) (1 + e). What is 0, such as the lanes beyond a row, is not computed: CPUs take a hundred
// cycles for a product that vanishes.
CNNX_INLINE float exp_below(float x, float maximum) {
  const float difference = x - maximum;
  const float moved = difference - x;
  const float error = (x - (difference - moved)) - (maximum + moved);
  const bool vanishes = difference < -104.0f;
  const float value = select(vanishes, 0.0f, exp_in_range(select(vanishes, 0.0f, difference)));
  // For infinities the error is NaN, and there is nothing to correct.
  return fused_multiply_add(value, select(error == error, error, 0.0f), value);
}

// Writes exp(x - maximum) to `output` unless that is null, and returns the sums.
CNNX_INLINE CarefulSums row_exponentials(const float* x, int64_t count, float maximum,
                                         float* __restrict output) {
  CarefulSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float value[kSums];
    read_sixteen(x + i, count - i, -__builtin_inff(), value);  // exp(-infinity) = 0 adds nothing
    for (int64_t j = 0; j < kSums; ++j) value[j] = exp_below(value[j], maximum);
    sums.add(value);
    if (output) write_sixteen(output + i, count - i, value);
  }
  return sums;
}

CNNX_INLINE void write_softmax_of_row(const float* x, int64_t classes, float* output) {
  const float sum = row_exponentials(x, classes, row_maximum(x, classes), output).total();
  for (int64_t j = 0; j < classes; ++j) output[j] /= sum;
}

}  // namespace
