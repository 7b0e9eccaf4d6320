// What becomes of the sums of products of bytes. The sums are exact integers, and this is a few
// operations of float32 without fused multiply-add, so every instruction set has the same bits.
#pragma once

#include <stdint.h>

namespace cnnx {

// What becomes of a sum: y = sum * multiplier[column] + addend * addend_multiplier + shift, limited
// to [least, most]. A uint8 output is y, rounded to nearest, ties to even.
struct QuantizedEpilogue {
  float shift, least, most;
  const uint8_t* addend;  // as the output, or null
  float addend_multiplier;
  uint8_t* output;  // or null
  float* float_output;
};

}  // namespace cnnx
