// Inner loops of products, element by element, or of every pixel with one number per channel or
// with one of its own.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// On floats, or on bfloat16 as uint16_t.
template <class Element>
struct MultiplyLoops {
  using Loop = void (*)(const Element* a, const Element* b, int64_t pixels, int64_t channels,
                        bool accumulate, Element* target);
  // target = a * b with one b per channel, or target += a * b with `accumulate`; target may be a.
  Loop channels;
  // target[c] = the sum over pixels of a * b: one chain in the order of the pixels.
  Loop sums;
  // target = a * b with one b per pixel; target may be a.
  Loop pixels;
  // target[pixel] = the sum over its channels of a * b, in sixteen partial sums.
  Loop pixel_sums;
};
struct MultiplyKernels {
  MultiplyLoops<float> floats;
  MultiplyLoops<uint16_t> bfloat16;
};

CNNX_DECLARE_KERNELS(MultiplyKernels, multiply_kernels)

}  // namespace cnnx
