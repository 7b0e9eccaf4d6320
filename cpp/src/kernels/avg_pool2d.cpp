// Average pooling: one vector of channels at a time, the sum of a window in row-major order, then
// one division.
#include "kernels/avg_pool2d.h"

#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

CNNX_INLINE float divisor_of(const PoolWindows& w, bool real_pixels, Span rows, Span columns) {
  return static_cast<float>(real_pixels ? rows.size() * columns.size()
                                        : w.kernel_height * w.kernel_width);
}

// One window of `rows` x `columns` pixels and some of its channels: x is its first pixel.
template <class Lanes>
CNNX_INLINE Vector sum(const float* x, int64_t rows, int64_t columns, int64_t row_floats,
                       int64_t channels, Lanes lanes) {
  Vector total = lanes.load(x);
  for (int64_t u = 0; u < rows; ++u) {
    for (int64_t v = 0; v < columns; ++v) {
      if (u == 0 && v == 0) continue;
      total += lanes.load(x + u * row_floats + v * channels);
    }
  }
  return total;
}

void forward(const PoolWindows& w, bool divide_by_real_pixels, const float* x, int64_t row_begin,
             int64_t row_end, float* output) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const auto pool = [&](int64_t i, Span rows, int64_t j, Span columns) CNNX_INLINED {
    const Vector divisor = broadcast(divisor_of(w, divide_by_real_pixels, rows, columns));
    const float* window = x + rows.begin * row_floats + columns.begin * channels;
    float* target = output + (i * w.out_width + j) * channels;
    const auto pool_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        lanes.store(target + channel,
                    sum(window + channel, height, width, row_floats, channels, lanes) / divisor);
      });
    };
    with_constant_size(rows.size(), columns.size(), pool_all);
  };
  for_windows(w, row_begin, row_end, pool);
}

void backward(const PoolWindows& w, bool divide_by_real_pixels, const float* grad_output,
              int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  const auto spread = [&](int64_t i, Span rows, int64_t j, Span columns, Span written,
                          bool add) CNNX_INLINED {
    const Vector divisor = broadcast(divisor_of(w, divide_by_real_pixels, rows, columns));
    const float* grad = grad_output + (i * w.out_width + j) * channels;
    float* target = grad_input + written.begin * row_floats + columns.begin * channels;
    const auto spread_all = [&](int64_t height, int64_t width) CNNX_INLINED {
      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Vector value = lanes.load(grad + channel) / divisor;
        for (int64_t u = 0; u < height; ++u) {
          for (int64_t v = 0; v < width; ++v) {
            float* pixel = target + u * row_floats + v * channels + channel;
            lanes.store(pixel, add ? lanes.load(pixel) + value : value);
          }
        }
      });
    };
    with_constant_size(written.size(), columns.size(), spread_all);
  };
  spread_rows(w, row_begin, row_end, accumulate, grad_input, spread);
}

}  // namespace

const AvgPool2dKernels avg_pool2d_kernels = {forward, backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
