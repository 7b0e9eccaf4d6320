// The first half of a softmax, shared with cross-entropy: a row's maximum, and exp(x - maximum)
// with its sum.
#pragma once

#include "kernels/elementary.h"
#include "kernels/sixteen_sums.h"

namespace {

// Of the numbers; NaN is ignored here and comes back in the exponentials.
CNNX_INLINE float row_maximum(const float* x, int64_t count) {
  float lane[kSums];
  for (int64_t j = 0; j < kSums; ++j) lane[j] = -__builtin_inff();
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  }
  for (int64_t j = 0; i + j < count; ++j) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  float maximum = lane[0];
  for (int64_t j = 1; j < kSums; ++j) maximum = lane[j] > maximum ? lane[j] : maximum;
  return maximum;
}

// exp(x - maximum). Far from the maximum the rounding of the difference alone would cost many ULPs,
// so its error is found exactly (Knuth's two-sum) and given back: exp(d + e) = exp(d) (1 + e).
CNNX_INLINE float exp_below(float x, float maximum) {
  const float difference = x - maximum;
  const float moved = difference - x;
  const float error = (x - (difference - moved)) - (maximum + moved);
  const float value = exp_f32(difference);
  // Infinities make the error NaN, where there is none to correct.
  return fused_multiply_add(value, select(error == error, error, 0.0f), value);
}

// Writes exp(x - maximum) to `output` unless that is null, and returns the sum.
CNNX_INLINE float row_exponentials(const float* x, int64_t count, float maximum,
                                   float* __restrict output) {
  SixteenSums sums;
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    float value[kSums];
    for (int64_t j = 0; j < kSums; ++j) value[j] = exp_below(x[i + j], maximum);
    for (int64_t j = 0; j < kSums; ++j) sums.lane[j] += value[j];
    if (output) memcpy(output + i, value, sizeof value);
  }
  if (i < count) {
    // Most rows are shorter than sixteen: a whole vector all the same, whose other lanes hold
    // exp(-infinity) = 0.
    float value[kSums];
    for (int64_t j = 0; j < kSums; ++j) value[j] = -__builtin_inff();
    for (int64_t j = 0; i + j < count; ++j) value[j] = x[i + j];
    for (int64_t j = 0; j < kSums; ++j) value[j] = exp_below(value[j], maximum);
    for (int64_t j = 0; j < kSums; ++j) sums.lane[j] += value[j];
    if (output) {
      for (int64_t j = 0; i + j < count; ++j) output[i + j] = value[j];
    }
  }
  return sums.total();
}

}  // namespace
