// Inner loops of the largest of several arrays, element by element.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// An input of `maximum` and where its gradient goes: nowhere if `gradient` is null. Elements
// are floats, or bfloat16 as uint16_t.
template <class Element>
struct MaximumInput {
  const Element* values;
  Element* gradient;
  bool accumulate;
};

struct MaximumKernels {
  // output = the largest element of the inputs, or the first NaN; output may be an input.
  void (*forward)(const MaximumInput<float>* inputs, int64_t input_count, int64_t count,
                  float* output);
  void (*bfloat16_forward)(const MaximumInput<uint16_t>* inputs, int64_t input_count, int64_t count,
                           uint16_t* output);
};
struct MaximumGradientKernels {
  // Passes each gradient to the first input whose element the forward took.
  void (*backward)(const float* grad_output, const MaximumInput<float>* inputs, int64_t input_count,
                   int64_t count);
  void (*bfloat16_backward)(const uint16_t* grad_output, const MaximumInput<uint16_t>* inputs,
                            int64_t input_count, int64_t count);
};

CNNX_DECLARE_KERNELS(MaximumKernels, maximum_kernels)
CNNX_DECLARE_KERNELS(MaximumGradientKernels, maximum_gradient_kernels)

}  // namespace cnnx
