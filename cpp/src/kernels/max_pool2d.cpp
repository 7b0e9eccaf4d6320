// Max-pooling: one vector of channels at a time, the window's pixels in row-major order.
#include "kernels/max_pool2d.h"

#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Lanes in which `value` replaces `best`: a larger number, or the first NaN.
CNNX_INLINE IntVector takes_over(Vector value, Vector best) {
  return ~(value <= best) & (best == best);
}

void forward(const PoolWindows& w, const float* x, int64_t row_begin, int64_t row_end,
             float* output) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  for_windows(w, row_begin, row_end,
              [&](int64_t i, Span rows, int64_t j, Span columns) CNNX_INLINED {
                const float* window = x + rows.begin * row_floats + columns.begin * channels;
                float* target = output + (i * w.out_width + j) * channels;
                with_constant_size(
                    rows.size(), columns.size(), [&](int64_t height, int64_t width) CNNX_INLINED {
                      for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
                        Vector best = lanes.load(window + channel);
                        for (int64_t u = 0; u < height; ++u) {
                          for (int64_t v = 0; v < width; ++v) {
                            if (u == 0 && v == 0) continue;
                            const Vector value =
                                lanes.load(window + u * row_floats + v * channels + channel);
                            best = takes_over(value, best) ? value : best;
                          }
                        }
                        lanes.store(target + channel, best);
                      });
                    });
              });
}

void backward(const PoolWindows& w, const float* grad_output, const float* x, int64_t row_begin,
              int64_t row_end, bool accumulate, float* grad_input) {
  const int64_t channels = w.channels, row_floats = w.in_width * channels;
  spread_rows(
      w, row_begin, row_end, accumulate, grad_input,
      [&](int64_t i, Span rows, int64_t j, Span columns, Span written, bool add) CNNX_INLINED {
        const int64_t offset = rows.begin * row_floats + columns.begin * channels;
        const float* window = x + offset;
        float* target = grad_input + offset;
        const float* grad = grad_output + (i * w.out_width + j) * channels;
        const int64_t first = written.begin - rows.begin, end = written.end - rows.begin;
        with_constant_size(
            rows.size(), columns.size(), [&](int64_t height, int64_t width) CNNX_INLINED {
              for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
                Vector best = lanes.load(window + channel);
                IntVector winner = {};
                for (int64_t u = 0; u < height; ++u) {
                  for (int64_t v = 0; v < width; ++v) {
                    if (u == 0 && v == 0) continue;
                    const Vector value =
                        lanes.load(window + u * row_floats + v * channels + channel);
                    const IntVector take = takes_over(value, best);
                    best = take ? value : best;
                    winner = take ? IntVector{} + static_cast<int32_t>(u * width + v) : winner;
                  }
                }
                const Vector share = lanes.load(grad + channel);
                for (int64_t u = 0; u < height; ++u) {
                  if (u < first || u >= end) continue;
                  for (int64_t v = 0; v < width; ++v) {
                    float* pixel = target + u * row_floats + v * channels + channel;
                    const IntVector mine = winner == static_cast<int32_t>(u * width + v);
                    const Vector value = mine ? share : Vector{};
                    lanes.store(pixel, add ? lanes.load(pixel) + value : value);
                  }
                }
              });
            });
      });
}

}  // namespace

const MaxPool2dKernels max_pool2d_kernels = {forward, backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
