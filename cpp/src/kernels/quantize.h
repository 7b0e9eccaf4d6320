// Floats to bytes and back: byte = round(x / scale) + zero_point from 0 to 255, ties to even, and
// x = (byte - zero_point) * scale. NaN becomes 0.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct ByteScale {
  float scale, zero_point;
};

struct QuantizeKernels {
  void (*to_bytes)(const float* x, int64_t count, ByteScale how, uint8_t* bytes);
  void (*to_floats)(const uint8_t* bytes, int64_t count, ByteScale how, float* x);
  // To bytes and back.
  void (*round_trip)(const float* x, int64_t count, ByteScale how, float* output);
  // grad_output where x lies within the range of the bytes, 0 elsewhere.
  void (*gradient)(const float* grad_output, const float* x, int64_t count, ByteScale how,
                   bool accumulate, float* grad_input);
};

CNNX_DECLARE_KERNELS(QuantizeKernels, quantize_kernels)

}  // namespace cnnx
