// Adaptive average pooling: one vector of channels at a time.
#include "kernels/adaptive_avg_pool2d.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Positions [begin, end) of one axis.
struct Span {
  int64_t begin, end;
  CNNX_INLINE int64_t size() const { return end - begin; }
};

// The window `index` of `windows` on an axis of `size`. The inverse, the range of windows that
// contain a pixel, is the same formula.
CNNX_INLINE Span window(int64_t index, int64_t windows, int64_t size) {
  return {index * size / windows, ((index + 1) * size + windows - 1) / windows};
}

template <class Element>
void forward(const AdaptivePool& p, const Element* x, int64_t row_begin, int64_t row_end,
             Element* output) {
  const int64_t row_floats = p.in_width * p.channels;
  for (int64_t i = row_begin; i < row_end; ++i) {
    const Span rows = window(i, p.out_height, p.in_height);
    for (int64_t j = 0; j < p.out_width; ++j) {
      const Span columns = window(j, p.out_width, p.in_width);
      const Vector divisor = broadcast(static_cast<float>(rows.size() * columns.size()));
      const Element* const first = x + rows.begin * row_floats + columns.begin * p.channels;
      Element* const target = output + (i * p.out_width + j) * p.channels;
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        Vector total = {};
        for (int64_t u = 0; u < rows.size(); ++u) {
          const Element* pixel = first + u * row_floats + channel;
          Vector row = lanes.load(pixel);
          for (int64_t v = 1; v < columns.size(); ++v) row += lanes.load(pixel += p.channels);
          total += row;
        }
        lanes.store(target + channel, total / divisor);
      });
    }
  }
}

template <class Element>
void backward(const AdaptivePool& p, const Element* grad_output, int64_t row_begin, int64_t row_end,
              bool accumulate, Element* grad_input) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const Span rows = window(row, p.in_height, p.out_height);
    for (int64_t column = 0; column < p.in_width; ++column) {
      const Span columns = window(column, p.in_width, p.out_width);
      Element* const target = grad_input + (row * p.in_width + column) * p.channels;
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        Vector total = {};
        for (int64_t i = rows.begin; i < rows.end; ++i) {
          const int64_t height = window(i, p.out_height, p.in_height).size();
          for (int64_t j = columns.begin; j < columns.end; ++j) {
            const int64_t width = window(j, p.out_width, p.in_width).size();
            const Element* const grad = grad_output + (i * p.out_width + j) * p.channels;
            total += lanes.load(grad + channel) / broadcast(static_cast<float>(height * width));
          }
        }
        if (accumulate) total += lanes.load(target + channel);
        lanes.store(target + channel, total);
      });
    }
  }
}

}  // namespace

const AdaptiveAvgPool2dKernels adaptive_avg_pool2d_kernels = {forward<float>, forward<uint16_t>};
const AdaptiveAvgPool2dGradientKernels adaptive_avg_pool2d_gradient_kernels = {backward<float>,
                                                                               backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
