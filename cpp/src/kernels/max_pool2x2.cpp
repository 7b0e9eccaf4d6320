// The fused 2x2 max pooling: four vectors of channels at a time.
#include "kernels/max_pool2x2.h"

#include "kernels/argmax_lanes.h"
#include "kernels/max_pool2x2_window.h"
#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <bool kArgmax>
void pool(const PooledRows& p, const float* rows, Vector floor, float* output, uint8_t* argmax) {
  const int64_t row_floats = p.width * p.channels, columns = p.width / 2;
  for (int64_t i = 0; i < p.pairs; ++i, rows += 2 * row_floats) {
    for (int64_t j = 0; j < columns; ++j) {
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const float* x = rows + 2 * j * p.channels + channel;
        const Vector pixels[4] = {lanes.load(x), lanes.load(x + p.channels),
                                  lanes.load(x + row_floats),
                                  lanes.load(x + row_floats + p.channels)};
        pool_window<kArgmax>(pixels, floor, lanes, output + channel,
                             kArgmax ? argmax + channel : nullptr);
      });
      output += p.channels;
      if (kArgmax) argmax += argmax_step(p.channels);
    }
  }
}

void forward(const PooledRows& shape, const float* rows, bool relu, float* output,
             uint8_t* argmax) {
  const auto run = argmax ? pool<true> : pool<false>;
  run(shape, rows, relu_floor(relu), output, argmax);
}

void backward(const PooledRows& p, const float* grad_output, const uint8_t* argmax, float* rows) {
  const int64_t row_floats = p.width * p.channels, columns = p.width / 2;
  for (int64_t i = 0; i < p.pairs; ++i, rows += 2 * row_floats) {
    for (int64_t j = 0; j < columns; ++j) {
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Vector grad = lanes.load(grad_output + channel);
        const IntVector argmax_index = load_argmax(argmax + channel);
        float* const pixel = rows + 2 * j * p.channels + channel;
        CNNX_UNROLL for (int k = 0; k < 4; ++k) {
          const IntVector mine = argmax_index == IntVector{} + k;
          lanes.store(pixel + k / 2 * row_floats + k % 2 * p.channels, mine ? grad : Vector{});
        }
      });
      grad_output += p.channels;
      argmax += argmax_step(p.channels);
    }
    if (p.width % 2 != 0) {
      fill_zero(rows + row_floats - p.channels, p.channels);
      fill_zero(rows + 2 * row_floats - p.channels, p.channels);
    }
  }
}

}  // namespace

const MaxPool2x2Kernels max_pool2x2_kernels = {forward, backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
