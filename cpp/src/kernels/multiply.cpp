// Elementwise products of arrays; the lanes are elements or channels.
#include "kernels/multiply.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// target = a * b, or target += a * b, for one pixel; factor(channel, lanes) is b.
template <bool kAdds, class Element, class Factor>
CNNX_INLINE void multiply_pixel(const Element* a, int64_t channels, Element* target,
                                const Factor& factor) {
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector product = lanes.load(a + channel) * factor(channel, lanes);
    if (kAdds) product = lanes.load(target + channel) + product;
    lanes.store(target + channel, product);
  });
}
template <class Element, class Factor>
CNNX_INLINE void multiply_pixel(const Element* a, int64_t channels, bool accumulate,
                                Element* target, const Factor& factor) {
  accumulate ? multiply_pixel<true>(a, channels, target, factor)
             : multiply_pixel<false>(a, channels, target, factor);
}

template <class Element>
void channels(const Element* a, const Element* b, int64_t pixels, int64_t channels, bool accumulate,
              Element* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, a += channels, target += channels) {
    multiply_pixel(a, channels, accumulate, target, [&](int64_t channel, auto lanes) CNNX_INLINED {
      return lanes.load(b + channel);
    });
  }
}

template <class Element>
void sums(const Element* a, const Element* b, int64_t pixels, int64_t channels, bool accumulate,
          Element* target) {
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum = {};
    for (int64_t offset = channel; offset < pixels * channels; offset += channels)
      sum = fused_multiply_add(lanes.load(a + offset), lanes.load(b + offset), sum);
    if (accumulate) sum += lanes.load(target + channel);
    lanes.store(target + channel, sum);
  });
}

template <class Element>
void pixels(const Element* a, const Element* b, int64_t pixels, int64_t channels, bool accumulate,
            Element* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, a += channels, target += channels) {
    const Vector factor = broadcast(OneLane{}.load(b + pixel)[0]);
    multiply_pixel(a, channels, accumulate, target,
                   [&](int64_t, auto) CNNX_INLINED { return factor; });
  }
}

template <class Element>
void pixel_sums(const Element* a, const Element* b, int64_t pixels, int64_t channels,
                bool accumulate, Element* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t offset = pixel * channels;
    Vector sum = {sum_of_products(a + offset, b + offset, channels)};
    if (accumulate) sum = OneLane{}.load(target + pixel) + sum;
    OneLane{}.store(target + pixel, sum);
  }
}

template <class Element>
constexpr MultiplyLoops<Element> kLoops = {channels<Element>, sums<Element>, pixels<Element>,
                                           pixel_sums<Element>};

}  // namespace

const MultiplyKernels multiply_kernels = {kLoops<float>, kLoops<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
