// Loops of PReLU over pixels; the lanes are channels.
#include "kernels/prelu.h"

#include "kernels/channel_lanes.h"
#include "kernels/pixel_chains.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <class Element>
void forward(const Element* x, const float* const* parameters, int64_t pixels, int64_t channels,
             Element* output) {
  const float* const slope = parameters[0];
  for_pixel_vectors(pixels, channels,
                    [&](int64_t offset, int64_t channel, auto lanes) CNNX_INLINED {
                      const Vector value = lanes.load(x + offset);
                      lanes.store(output + offset,
                                  value < Vector{} ? lanes.load(slope + channel) * value : value);
                    });
}

template <class Element>
void backward(const Element* grad_output, const Element* x, const float* const* parameters,
              int64_t pixels, int64_t channels, bool accumulate, Element* grad_input) {
  const float* const slope = parameters[0];
  for_pixel_vectors(pixels, channels,
                    [&](int64_t offset, int64_t channel, auto lanes) CNNX_INLINED {
                      const Vector grad = lanes.load(grad_output + offset);
                      const Vector bent = lanes.load(slope + channel) * grad;
                      Vector value = lanes.load(x + offset) <= Vector{} ? bent : grad;
                      if (accumulate) value += lanes.load(grad_input + offset);
                      lanes.store(grad_input + offset, value);
                    });
}

// The sum of x * grad_output where x is negative.
template <class Element>
void sums(const Element* grad_output, const Element* x, int64_t pixels, int64_t channels,
          float* const* sums) {
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Chains chains;
    for_chains(pixels, [&](int64_t pixel, int i) CNNX_INLINED {
      const int64_t offset = pixel * channels + channel;
      const Vector value = lanes.load(x + offset), grad = lanes.load(grad_output + offset);
      // Both are masked: infinity times zero is NaN.
      const auto negative = value < Vector{};
      chains.chain[i] = fused_multiply_add(negative ? value : Vector{}, negative ? grad : Vector{},
                                           chains.chain[i]);
    });
    lanes.store(sums[0] + channel, chains.sum());
  });
}

template <class Element>
constexpr ChannelwiseLoops<Element> kLoops = {forward<Element>, backward<Element>, sums<Element>,
                                              1};

}  // namespace

const ChannelwiseKernels prelu_kernels = {kLoops<float>, kLoops<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
