// Loops of a scale and a shift per channel over pixels; the lanes are channels.
#include "kernels/scale2d.h"

#include "kernels/channel_lanes.h"
#include "kernels/pixel_chains.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <bool bias, class Element>
void forward(const Element* x, const float* const* parameters, int64_t pixels, int64_t channels,
             Element* output) {
  const float* const weight = parameters[0];
  for_pixel_vectors(
      pixels, channels, [&](int64_t offset, int64_t channel, auto lanes) CNNX_INLINED {
        const Vector value = lanes.load(x + offset), scale = lanes.load(weight + channel);
        if constexpr (bias) {
          lanes.store(output + offset,
                      fused_multiply_add(value, scale, lanes.load(parameters[1] + channel)));
        } else {
          lanes.store(output + offset, value * scale);
        }
      });
}

template <class Element>
void backward(const Element* grad_output, const Element*, const float* const* parameters,
              int64_t pixels, int64_t channels, bool accumulate, Element* grad_input) {
  const float* const weight = parameters[0];
  for_pixel_vectors(
      pixels, channels, [&](int64_t offset, int64_t channel, auto lanes) CNNX_INLINED {
        Vector value = lanes.load(grad_output + offset) * lanes.load(weight + channel);
        if (accumulate) value += lanes.load(grad_input + offset);
        lanes.store(grad_input + offset, value);
      });
}

// The sums of x * grad_output and of grad_output.
template <bool bias, class Element>
void sums(const Element* grad_output, const Element* x, int64_t pixels, int64_t channels,
          float* const* sums) {
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Chains products, gradients;
    for_chains(pixels, [&](int64_t pixel, int i) CNNX_INLINED {
      const int64_t offset = pixel * channels + channel;
      const Vector grad = lanes.load(grad_output + offset);
      products.chain[i] = fused_multiply_add(lanes.load(x + offset), grad, products.chain[i]);
      if constexpr (bias) gradients.chain[i] += grad;
    });
    lanes.store(sums[0] + channel, products.sum());
    if constexpr (bias) lanes.store(sums[1] + channel, gradients.sum());
  });
}

template <bool bias, class Element>
constexpr ChannelwiseLoops<Element> kLoops = {forward<bias, Element>, backward<Element>,
                                              sums<bias, Element>, bias ? 2 : 1};

}  // namespace

const Scale2dKernels scale2d_kernels = {{kLoops<true, float>, kLoops<true, uint16_t>},
                                        {kLoops<false, float>, kLoops<false, uint16_t>}};

}  // namespace CNNX_ISA
}  // namespace cnnx
