// Max pooling: one vector of channels at a time, the window's pixels in row-major order.
#include "kernels/max_pool2d.h"

#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// One window of `rows` x `columns` pixels and some of its channels: x is its first pixel, and the
// steps lead to the next row and the next column.
template <class Element, class Lanes>
CNNX_INLINE Vector maximum(const Element* x, int64_t rows, int64_t columns, int64_t row_step,
                           int64_t column_step, Lanes lanes) {
  Vector best = lanes.load(x);
  for (int64_t u = 0; u < rows; ++u) {
    for (int64_t v = 0; v < columns; ++v) {
      if (u == 0 && v == 0) continue;
      const Vector value = lanes.load(x + u * row_step + v * column_step);
      best = takes_over(value, best) ? value : best;
    }
  }
  return best;
}

// The position of that maximum in the window, counted in row-major order.
template <class Element, class Lanes>
CNNX_INLINE IntVector place_of_maximum(const Element* x, int64_t rows, int64_t columns,
                                       int64_t row_step, int64_t column_step, Lanes lanes) {
  Vector best = lanes.load(x);
  IntVector place = {};
  for (int64_t u = 0; u < rows; ++u) {
    for (int64_t v = 0; v < columns; ++v) {
      if (u == 0 && v == 0) continue;
      const Vector value = lanes.load(x + u * row_step + v * column_step);
      const IntVector take = takes_over(value, best);
      best = take ? value : best;
      place = take ? IntVector{} + static_cast<int32_t>(u * columns + v) : place;
    }
  }
  return place;
}

template <bool general, class Element>
void pool_windows(const PoolWindows& w, const Element* x, int64_t row_begin, int64_t row_end,
                  Element* output) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const int64_t row_step = row_floats * WindowTaps<general>::step(w.dilation_height);
  const int64_t column_step = channels * WindowTaps<general>::step(w.dilation_width);
  const auto pool = [&](int64_t i, Taps rows, int64_t j, Taps columns) CNNX_INLINED {
    const Element* window = x + rows.begin * row_floats + columns.begin * channels;
    Element* target = output + (i * w.out_width + j) * channels;
    const auto pool_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        lanes.store(target + channel,
                    maximum(window + channel, height, width, row_step, column_step, lanes));
      });
    };
    with_constant_size<general>(rows.count, columns.count, pool_all);
  };
  for_windows<general>(w, row_begin, row_end, pool);
}

template <bool general, class Element>
void spread_gradients(const PoolWindows& w, const Element* grad_output, const Element* x,
                      int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const int64_t row_step = row_floats * WindowTaps<general>::step(w.dilation_height);
  const int64_t column_step = channels * WindowTaps<general>::step(w.dilation_width);
  const auto spread = [&](int64_t i, Taps rows, int64_t j, Taps columns, TapRange written,
                          bool add) CNNX_INLINED {
    const int64_t offset = rows.begin * row_floats + columns.begin * channels;
    const Element* window = x + offset;
    float* target = grad_input + offset;
    const Element* grad = grad_output + (i * w.out_width + j) * channels;
    const auto spread_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const IntVector argmax_index =
            place_of_maximum(window + channel, height, width, row_step, column_step, lanes);
        const Vector gradient = lanes.load(grad + channel);
        for (int64_t u = 0; u < height; ++u) {
          if (u < written.first || u >= written.end) continue;
          for (int64_t v = 0; v < width; ++v) {
            float* pixel = target + u * row_step + v * column_step + channel;
            const IntVector mine = argmax_index == static_cast<int32_t>(u * width + v);
            const Vector value = mine ? gradient : Vector{};
            lanes.store(pixel, add ? lanes.load(pixel) + value : value);
          }
        }
      });
    };
    with_constant_size<general>(rows.count, columns.count, spread_all);
  };
  spread_rows<general>(w, row_begin, row_end, accumulate, grad_input, spread);
}

template <class Element>
void forward(const PoolWindows& w, const Element* x, int64_t row_begin, int64_t row_end,
             Element* output) {
  const auto pool = is_dilated(w) ? pool_windows<true, Element> : pool_windows<false, Element>;
  pool(w, x, row_begin, row_end, output);
}

template <class Element>
void backward(const PoolWindows& w, const Element* grad_output, const Element* x, int64_t row_begin,
              int64_t row_end, bool accumulate, float* grad_input) {
  const auto spread =
      is_dilated(w) ? spread_gradients<true, Element> : spread_gradients<false, Element>;
  spread(w, grad_output, x, row_begin, row_end, accumulate, grad_input);
}

}  // namespace

const MaxPool2dKernels max_pool2d_kernels = {forward<float>, forward<uint16_t>};
const MaxPool2dGradientKernels max_pool2d_gradient_kernels = {backward<float>, backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
