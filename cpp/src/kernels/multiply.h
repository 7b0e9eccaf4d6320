// Inner loops of products, element by element, or of every pixel with one number per channel or
// with one of its own.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct MultiplyKernels {
  using Loop = void (*)(const float* a, const float* b, int64_t pixels, int64_t channels,
                        bool accumulate, float* target);
  // target = a * b with one b per channel, or target += a * b with `accumulate`; target may be a.
  Loop channels;
  // target[c] = the sum over pixels of a * b: one chain in the order of the pixels.
  Loop sums;
  // target = a * b with one b per pixel; target may be a.
  Loop pixels;
  // target[pixel] = the sum over its channels of a * b, in sixteen partial sums.
  Loop pixel_sums;
};

CNNX_DECLARE_KERNELS(MultiplyKernels, multiply_kernels)

}  // namespace cnnx
