// Loops over arrays of bfloat16: conversions, sums and the gradient of a ReLU. Numbers are widened
// to float32 to compute with, and rounded once.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct Bfloat16ArrayKernels {
  void (*widen)(const uint16_t* x, int64_t count, float* output);
  void (*round)(const float* x, int64_t count, uint16_t* output);
  // output <- output + x.
  void (*add_floats)(const float* x, int64_t count, uint16_t* output);
  void (*add_words)(const uint16_t* x, int64_t count, float* output);
  // output = a + b, then x < 0 ? 0 : x with `relu`; output may be a or b.
  void (*add)(const uint16_t* a, const uint16_t* b, int64_t count, bool relu, uint16_t* output);
  // gradient <- 0 where the output of a ReLU with this ceiling is not between 0 and the ceiling.
  void (*relu_gradient)(uint16_t* gradient, const uint16_t* relu_output, int64_t count,
                        float ceiling);
  bool (*all_finite)(const uint16_t* x, int64_t count);
};

CNNX_DECLARE_BFLOAT16_KERNELS(Bfloat16ArrayKernels, bfloat16_array_kernels)

}  // namespace cnnx
