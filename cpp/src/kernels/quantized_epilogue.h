// What becomes of the sums of products of bytes. The sums are exact integers, and this is a few
// operations of float32 without fused multiply-add, so every instruction set has the same bits.
#pragma once

#include <stdint.h>

namespace cnnx {

// t = sum * multiplier[column] + (addend - addend_zero) * addend_multiplier. A byte is t, rounded
// to nearest, ties to even, plus `zero`, and limited to [least, most]. A float is t, limited to
// [float_least, float_most].
struct QuantizedEpilogue {
  int32_t zero, least, most;
  float float_least, float_most;
  const uint8_t* addend;  // as the output, or null
  int32_t addend_zero;
  float addend_multiplier;
  uint8_t* output;  // or null
  float* float_output;
};

}  // namespace cnnx
