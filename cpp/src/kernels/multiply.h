// Inner loops of products, element by element or of every pixel with one number per channel.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct MultiplyKernels {
  // target = a * b, or target += a * b with `accumulate`; target may be a or b.
  void (*elements)(const float* a, const float* b, int64_t count, bool accumulate, float* target);
  // The same with one b per channel; target may be a.
  void (*channels)(const float* a, const float* b, int64_t pixels, int64_t channels,
                   bool accumulate, float* target);
  // target[c] = the sum over pixels of a * b: one chain in the order of the pixels.
  void (*sums)(const float* a, const float* b, int64_t pixels, int64_t channels, bool accumulate,
               float* target);
};

CNNX_DECLARE_KERNELS(MultiplyKernels, multiply_kernels)

}  // namespace cnnx
