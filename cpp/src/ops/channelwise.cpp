// Runs the kernels of a channelwise function chunk by chunk, and adds up the sums of the chunks.
#include "ops/channelwise.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/elements.h"
#include "runtime/memory.h"

namespace cnnx::ops {

void check_last_axis(const char* kind, const Shape& input) {
  if (!input.empty() && input.back() >= 1) return;
  throw std::invalid_argument(std::string(kind) + ": x has shape " + to_string(input) +
                              ", expected at least one channel in the last axis");
}

template <class Element>
BoundChannelwise<Element>::BoundChannelwise(const ChannelwiseKernels& kernels, int64_t pixels,
                                            int64_t channels)
    : kernels_(by_element<Element>(kernels.floats, kernels.bfloat16)),
      channels_(channels),
      chunks_(pixels, channels),
      sum_floats_(runtime::round_up_to_line(channels)) {}

template <class Element>
BoundOpTraits BoundChannelwise<Element>::traits() const {
  BoundOpTraits traits;
  traits.runs_in_place = InputSet::all();
  traits.backward_reads_output = false;
  return traits;
}

template <class Element>
int64_t BoundChannelwise<Element>::backward_scratch_floats(int) const {
  return chunks_.count() * kernels_.parameters * sum_floats_;
}

template <class Element>
void BoundChannelwise<Element>::forward(const ForwardArguments& a) const {
  chunks_.for_each(a.threads, [&](int64_t first, int64_t pixels, int64_t) {
    const int64_t offset = first * channels_;
    kernels_.forward(elements_of<Element>(a.inputs[0]) + offset, a.parameters, pixels, channels_,
                     elements_of<Element>(a.output) + offset);
  });
}

template <class Element>
void BoundChannelwise<Element>::backward(const BackwardArguments& a) const {
  const InputGradient& gradient = a.grad_inputs[0];
  const int count = kernels_.parameters;
  const bool trained = std::any_of(a.grad_parameters, a.grad_parameters + count,
                                   [](const float* values) { return values != nullptr; });
  chunks_.for_each(a.threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
    const int64_t offset = first * channels_;
    const Element* const grad = elements_of<Element>(a.grad_output) + offset;
    const Element* const x = elements_of<Element>(a.inputs[0]) + offset;
    // First, because it walks along memory; the sums then find everything in a cache.
    if (gradient.values)
      kernels_.backward(grad, x, a.parameters, pixels, channels_, gradient.accumulate,
                        elements_of<Element>(gradient.values) + offset);
    if (!trained) return;
    float* sums[kMostChannelwiseParameters];
    for (int i = 0; i < count; ++i) sums[i] = a.scratch + (chunk * count + i) * sum_floats_;
    kernels_.sums(grad, x, pixels, channels_, sums);
  });
  for (int i = 0; i < count; ++i) {
    if (!a.grad_parameters[i]) continue;
    add_up_chunks(a.scratch + i * sum_floats_, chunks_.count(), count * sum_floats_, channels_,
                  a.accumulate_parameters, a.grad_parameters[i]);
  }
}

template class BoundChannelwise<float>;
template class BoundChannelwise<uint16_t>;

}  // namespace cnnx::ops
