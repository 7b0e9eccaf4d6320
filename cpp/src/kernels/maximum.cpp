// The largest of several arrays, one vector of elements at a time.
#include "kernels/maximum.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"
#include "kernels/takes_over.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <class Element>
void forward(const MaximumInput<Element>* inputs, int64_t input_count, int64_t count,
             Element* output) {
  for_channel_vectors(count, [&](int64_t first, auto lanes) CNNX_INLINED {
    Vector best = lanes.load(inputs[0].values + first);
    for (int64_t i = 1; i < input_count; ++i) {
      const Vector value = lanes.load(inputs[i].values + first);
      best = takes_over(value, best) ? value : best;
    }
    lanes.store(output + first, best);
  });
}

template <class Element>
void backward(const Element* grad_output, const MaximumInput<Element>* inputs, int64_t input_count,
              int64_t count) {
  for_channel_vectors(count, [&](int64_t first, auto lanes) CNNX_INLINED {
    Vector best = lanes.load(inputs[0].values + first);
    IntVector taken = {};
    for (int64_t i = 1; i < input_count; ++i) {
      const Vector value = lanes.load(inputs[i].values + first);
      const IntVector take = takes_over(value, best);
      best = take ? value : best;
      taken = take ? IntVector{} + static_cast<int32_t>(i) : taken;
    }
    const Vector gradient = lanes.load(grad_output + first);
    for (int64_t i = 0; i < input_count; ++i) {
      if (!inputs[i].gradient) continue;
      Element* const target = inputs[i].gradient + first;
      const IntVector mine = taken == static_cast<int32_t>(i);
      Vector value = mine ? gradient : Vector{};
      if (inputs[i].accumulate) value = lanes.load(target) + value;
      lanes.store(target, value);
    }
  });
}

}  // namespace

const MaximumKernels maximum_kernels = {forward<float>, forward<uint16_t>};
const MaximumGradientKernels maximum_gradient_kernels = {backward<float>, backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
