// Average pooling: one vector of channels at a time, the sum of a window in row-major order, then
// one division.
#include "kernels/avg_pool2d.h"

#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The taps of the window from `begin` on that lie before `end`.
CNNX_INLINE int64_t taps_before(int64_t end, int64_t begin, int64_t kernel, int64_t dilation) {
  return smaller(kernel, quotient_up(end - begin, dilation));
}

// Of window (i, j), whose taps inside the image are rows x columns. Without `general` windows all
// taps lie in the padded image.
template <bool general>
CNNX_INLINE float divisor_of(const PoolWindows& w, bool real_pixels, int64_t i, Taps rows,
                             int64_t j, Taps columns) {
  if (!general || real_pixels) {
    return static_cast<float>(real_pixels ? rows.count * columns.count
                                          : w.kernel_height * w.kernel_width);
  }
  const int64_t vertical = taps_before(w.in_height + w.bottom, i * w.stride_height - w.top,
                                       w.kernel_height, w.dilation_height);
  const int64_t horizontal = taps_before(w.in_width + w.right, j * w.stride_width - w.left,
                                         w.kernel_width, w.dilation_width);
  return static_cast<float>(vertical * horizontal);
}

// Whether windows are dilated, or the last ones extend beyond the padding that counts.
CNNX_INLINE bool are_general(const PoolWindows& w, bool real_pixels) {
  const int64_t row_end = (w.out_height - 1) * w.stride_height - w.top + w.kernel_height;
  const int64_t column_end = (w.out_width - 1) * w.stride_width - w.left + w.kernel_width;
  const bool beyond = row_end > w.in_height + w.bottom || column_end > w.in_width + w.right;
  return is_dilated(w) || (beyond && !real_pixels);
}

// One window of `rows` x `columns` pixels and some of its channels: x is its first pixel, and the
// steps lead to the next row and the next column.
template <class Element, class Lanes>
CNNX_INLINE Vector sum(const Element* x, int64_t rows, int64_t columns, int64_t row_step,
                       int64_t column_step, Lanes lanes) {
  Vector total = lanes.load(x);
  for (int64_t u = 0; u < rows; ++u) {
    for (int64_t v = 0; v < columns; ++v) {
      if (u == 0 && v == 0) continue;
      total += lanes.load(x + u * row_step + v * column_step);
    }
  }
  return total;
}

template <bool general, class Element>
void pool_windows(const PoolWindows& w, bool divide_by_real_pixels, const Element* x,
                  int64_t row_begin, int64_t row_end, Element* output) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const int64_t row_step = row_floats * WindowTaps<general>::step(w.dilation_height);
  const int64_t column_step = channels * WindowTaps<general>::step(w.dilation_width);
  const auto pool = [&](int64_t i, Taps rows, int64_t j, Taps columns) CNNX_INLINED {
    const Vector divisor =
        broadcast(divisor_of<general>(w, divide_by_real_pixels, i, rows, j, columns));
    const Element* window = x + rows.begin * row_floats + columns.begin * channels;
    Element* target = output + (i * w.out_width + j) * channels;
    const auto pool_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        lanes.store(target + channel,
                    sum(window + channel, height, width, row_step, column_step, lanes) / divisor);
      });
    };
    with_constant_size<general>(rows.count, columns.count, pool_all);
  };
  for_windows<general>(w, row_begin, row_end, pool);
}

template <bool general, class Element>
void spread_gradients(const PoolWindows& w, bool divide_by_real_pixels, const Element* grad_output,
                      int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const int64_t row_step = row_floats * WindowTaps<general>::step(w.dilation_height);
  const int64_t column_step = channels * WindowTaps<general>::step(w.dilation_width);
  const auto spread = [&](int64_t i, Taps rows, int64_t j, Taps columns, TapRange written,
                          bool add) CNNX_INLINED {
    const Vector divisor =
        broadcast(divisor_of<general>(w, divide_by_real_pixels, i, rows, j, columns));
    const Element* grad = grad_output + (i * w.out_width + j) * channels;
    float* target =
        grad_input + rows.begin * row_floats + written.first * row_step + columns.begin * channels;
    const auto spread_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Vector value = lanes.load(grad + channel) / divisor;
        for (int64_t u = 0; u < height; ++u) {
          for (int64_t v = 0; v < width; ++v) {
            float* pixel = target + u * row_step + v * column_step + channel;
            lanes.store(pixel, add ? lanes.load(pixel) + value : value);
          }
        }
      });
    };
    with_constant_size<general>(written.end - written.first, columns.count, spread_all);
  };
  spread_rows<general>(w, row_begin, row_end, accumulate, grad_input, spread);
}

template <class Element>
void forward(const PoolWindows& w, bool divide_by_real_pixels, const Element* x, int64_t row_begin,
             int64_t row_end, Element* output) {
  const auto pool = are_general(w, divide_by_real_pixels) ? pool_windows<true, Element>
                                                          : pool_windows<false, Element>;
  pool(w, divide_by_real_pixels, x, row_begin, row_end, output);
}

template <class Element>
void backward(const PoolWindows& w, bool divide_by_real_pixels, const Element* grad_output,
              int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input) {
  const auto spread = are_general(w, divide_by_real_pixels) ? spread_gradients<true, Element>
                                                            : spread_gradients<false, Element>;
  spread(w, divide_by_real_pixels, grad_output, row_begin, row_end, accumulate, grad_input);
}

}  // namespace

const AvgPool2dKernels avg_pool2d_kernels = {forward<float>, forward<uint16_t>};
const AvgPool2dGradientKernels avg_pool2d_gradient_kernels = {backward<float>, backward<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
