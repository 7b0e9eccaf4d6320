// Loops of batch normalisation over pixels; the lanes are channels. The including file makes
// kernels of them for one type of elements.
#pragma once

#include "kernels/batch_norm2d.h"
#include "kernels/cache_line.h"
#include "kernels/channel_lanes.h"
#include "kernels/pixel_chains.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Brings pixels into the cache in the order of memory, which the hardware prefetches. The sums go
// from pixel to pixel for one vector of channels after the other.
template <class Element>
CNNX_INLINE void load_lines(const Element* x, int64_t elements) {
  for (int64_t i = 0; i < elements; i += kCacheLine<Element>)
    static_cast<void>(*static_cast<const volatile Element*>(x + i));
}

// Prefetches the array after some pixels, which a thread usually reads next, one vector per call.
template <class Element>
class NextPixels {
 public:
  CNNX_INLINE NextPixels(const Element* x, int64_t pixels, int64_t channels, int64_t channel)
      : next_(x + pixels * channels + channel * pixels) {}
  CNNX_INLINE void prefetch() {
    __builtin_prefetch(next_, 0, 2);
    next_ += kLanes;
  }

 private:
  const Element* next_;
};

template <class Element>
void moments(const Element* x, int64_t pixels, int64_t channels, float* mean, float* squares) {
  load_lines(x, pixels * channels);
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    const Element* const column = x + channel;
    Chains sum;
    NextPixels<Element> next(x, pixels, channels, channel);
    for_chains(pixels, [&](int64_t pixel, int i) CNNX_INLINED {
      next.prefetch();
      sum.chain[i] += lanes.load(column + pixel * channels);
    });
    const Vector count = broadcast(static_cast<float>(pixels));
    const Vector middle = sum.sum() / count;
    Chains rest, square_sum;
    for_chains(pixels, [&](int64_t pixel, int i) CNNX_INLINED {
      const Vector distance = lanes.load(column + pixel * channels) - middle;
      rest.chain[i] += distance;
      square_sum.chain[i] = fused_multiply_add(distance, distance, square_sum.chain[i]);
    });
    // The rounding error of the first sum, which is large where the mean is far from zero.
    const Vector error = rest.sum() / count;
    lanes.store(mean + channel, middle + error);
    lanes.store(squares + channel, positive_part(square_sum.sum() - error * rest.sum()));
  });
}

// The coefficients of a pass for a vector of channels.
template <class Lanes>
struct Line {
  CNNX_INLINE Line(const BatchNormLine& line, int64_t channel, Lanes lanes)
      : mean(lanes.load(line.mean + channel)),
        scale(lanes.load(line.scale + channel)),
        shift(lanes.load(line.shift + channel)) {}
  CNNX_INLINE Vector value(Vector x) const { return fused_multiply_add(x - mean, scale, shift); }
  Vector mean, scale, shift;
};

// Calls body(offset of the channels in a pixel's row, lanes, line) for every pixel and vector. With
// few channels, the line stays in registers.
template <class Body>
CNNX_INLINE void for_pixels(int64_t pixels, int64_t channels, const BatchNormLine& of,
                            const Body& body) {
  if (channels == kLanes) {
    const Line<AllLanes> line(of, 0, {});
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      body(pixel * channels, int64_t{0}, AllLanes{}, line);
    return;
  }
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Line<decltype(lanes)> line(of, channel, lanes);
      body(pixel * channels + channel, channel, lanes, line);
    });
  }
}

// Passes are copied, since their fields in memory could change with every store.

// Comparisons with a limit of NaN are false.
CNNX_INLINE Vector limited(Vector value, Vector limit) { return value > limit ? limit : value; }

template <bool kAdds, bool kRelu, class Element>
void forward_pass(BatchNormForwardOf<Element> p) {
  const Vector limit = broadcast(p.limit);
  for_pixels(p.pixels, p.channels, p.line,
             [&](int64_t offset, int64_t, auto lanes, const auto& line) CNNX_INLINED {
               Vector value = line.value(lanes.load(p.x + offset));
               if (kAdds) value += lanes.load(p.addend + offset);
               if (kRelu) value = limited(positive_part(value), limit);
               lanes.store(p.output + offset, value);
             });
}

template <class Element>
void forward(const BatchNormForwardOf<Element>& p) {
  if (p.addend) return p.relu ? forward_pass<true, true>(p) : forward_pass<true, false>(p);
  return p.relu ? forward_pass<false, true>(p) : forward_pass<false, false>(p);
}

// The source of a ReLU mask.
enum class Mask { none, output, recomputed };

CNNX_INLINE Vector through_relu(Vector gradient, Vector output, Vector limit) {
  return output <= Vector{} || output >= limit ? Vector{} : gradient;
}

// grad_output at `offset`, zero where the ReLU is constant.
template <Mask kMask, class Element, class Lanes, class AnyLine>
CNNX_INLINE Vector masked(const BatchNormBackwardOf<Element>& p, int64_t offset, Lanes lanes,
                          const AnyLine& line, Vector x) {
  const Vector gradient = lanes.load(p.grad_output + offset);
  const Vector limit = broadcast(p.limit);
  if (kMask == Mask::output) return through_relu(gradient, lanes.load(p.output + offset), limit);
  if (kMask == Mask::recomputed) return through_relu(gradient, line.value(x), limit);
  return gradient;
}

template <Mask kMask, class Element>
void sums_pass(BatchNormBackwardOf<Element> p, float* sum, float* product_sum) {
  load_lines(p.x, p.pixels * p.channels);
  load_lines(p.grad_output, p.pixels * p.channels);
  for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    const Line<decltype(lanes)> line(p.line, channel, lanes);
    NextPixels<Element> next_x(p.x, p.pixels, p.channels, channel);
    NextPixels<Element> next_gradient(p.grad_output, p.pixels, p.channels, channel);
    Chains gradients, products;
    for_chains(p.pixels, [&](int64_t pixel, int i) CNNX_INLINED {
      next_x.prefetch();
      next_gradient.prefetch();
      const int64_t offset = pixel * p.channels + channel;
      const Vector x = lanes.load(p.x + offset);
      const Vector gradient = masked<kMask>(p, offset, lanes, line, x);
      if (kMask == Mask::output) lanes.store(p.grad_output + offset, gradient);
      gradients.chain[i] += gradient;
      products.chain[i] = fused_multiply_add(gradient, x - line.mean, products.chain[i]);
    });
    lanes.store(sum + channel, gradients.sum());
    lanes.store(product_sum + channel, products.sum());
  });
}

template <class Element>
void sums(const BatchNormBackwardOf<Element>& p, float* sum, float* product_sum) {
  if (p.output) return sums_pass<Mask::output>(p, sum, product_sum);
  if (p.relu) return sums_pass<Mask::recomputed>(p, sum, product_sum);
  return sums_pass<Mask::none>(p, sum, product_sum);
}

template <Mask kMask, bool kAccumulate, class Element>
void backward_pass(BatchNormBackwardOf<Element> p, BatchNormGradientOf<Element> g) {
  for_pixels(p.pixels, p.channels, p.line,
             [&](int64_t offset, int64_t channel, auto lanes, const auto& line) CNNX_INLINED {
               const Vector x = lanes.load(p.x + offset);
               const Vector gradient = masked<kMask>(p, offset, lanes, line, x);
               Vector value = fused_multiply_add(lanes.load(g.slope + channel), gradient,
                                                 lanes.load(g.offset + channel));
               value = fused_multiply_add(lanes.load(g.bend + channel), x - line.mean, value);
               if (kAccumulate) value += lanes.load(g.grad_input + offset);
               lanes.store(g.grad_input + offset, value);
             });
}

template <Mask kMask, class Element>
void backward_masked(const BatchNormBackwardOf<Element>& p, const BatchNormGradientOf<Element>& g) {
  g.accumulate ? backward_pass<kMask, true>(p, g) : backward_pass<kMask, false>(p, g);
}

template <class Element>
void backward(const BatchNormBackwardOf<Element>& p, const BatchNormGradientOf<Element>& g) {
  if (p.output) return backward_masked<Mask::output>(p, g);
  if (p.relu) return backward_masked<Mask::recomputed>(p, g);
  return backward_masked<Mask::none>(p, g);
}

}  // namespace

}  // namespace CNNX_ISA
}  // namespace cnnx
