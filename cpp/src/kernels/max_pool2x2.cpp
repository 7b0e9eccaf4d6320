// The fused 2x2 max-pooling: four vectors of channels at a time.
#include "kernels/max_pool2x2.h"

#include "kernels/pool2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

// Whole vectors: winner_step leaves room for them.
template <class Lanes>
CNNX_INLINE void store_winners(uint8_t* target, IntVector winner, Lanes) {
  *reinterpret_cast<UnalignedBytes*>(target) = __builtin_convertvector(winner, Bytes);
}
CNNX_INLINE void store_winners(uint8_t* target, IntVector winner, OneLane) {
  *target = static_cast<uint8_t>(winner[0]);
}

CNNX_INLINE Vector positive_part(Vector x) { return x < Vector{} ? Vector{} : x; }

// The rows are read at x and x + row_floats, the window's second column `channels` further on.
template <bool kRelu, bool kWinners, class Lanes>
CNNX_INLINE void pool_vector(const float* x, int64_t row_floats, int64_t channels, Lanes lanes,
                             float* output, uint8_t* winners) {
  Vector pixel[4] = {lanes.load(x), lanes.load(x + channels), lanes.load(x + row_floats),
                     lanes.load(x + row_floats + channels)};
  if (kRelu) {
    CNNX_UNROLL for (int i = 0; i < 4; ++i) pixel[i] = positive_part(pixel[i]);
  }
  Vector best = pixel[0];
  IntVector winner = {};
  CNNX_UNROLL for (int i = 1; i < 4; ++i) {
    const IntVector take = takes_over(pixel[i], best);
    best = take ? pixel[i] : best;
    if (kWinners) winner = take ? IntVector{} + i : winner;
  }
  lanes.store(output, best);
  if (!kWinners) return;
  if (kRelu) winner = best > Vector{} ? winner : IntVector{} + kNoWinner;
  store_winners(winners, winner, lanes);
}

template <bool kRelu, bool kWinners>
void pool(const PooledRows& p, const float* rows, float* output, uint8_t* winners) {
  const int64_t row_floats = p.width * p.channels, columns = p.width / 2;
  for (int64_t i = 0; i < p.pairs; ++i, rows += 2 * row_floats) {
    for (int64_t j = 0; j < columns; ++j) {
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        pool_vector<kRelu, kWinners>(rows + 2 * j * p.channels + channel, row_floats, p.channels,
                                     lanes, output + channel,
                                     kWinners ? winners + channel : nullptr);
      });
      output += p.channels;
      if (kWinners) winners += winner_step(p.channels);
    }
  }
}

void forward(const PooledRows& shape, const float* rows, bool relu, float* output,
             uint8_t* winners) {
  const auto run = relu ? (winners ? pool<true, true> : pool<true, false>)
                        : (winners ? pool<false, true> : pool<false, false>);
  run(shape, rows, output, winners);
}

void backward(const PooledRows& p, const float* grad_output, const uint8_t* winners, float* rows) {
  const int64_t row_floats = p.width * p.channels, columns = p.width / 2;
  for (int64_t i = 0; i < p.pairs; ++i, rows += 2 * row_floats) {
    for (int64_t j = 0; j < columns; ++j) {
      for_channel_vectors(p.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
        const Vector grad = lanes.load(grad_output + channel);
        const IntVector winner = __builtin_convertvector(
            *reinterpret_cast<const UnalignedBytes*>(winners + channel), IntVector);
        float* const pixel = rows + 2 * j * p.channels + channel;
        CNNX_UNROLL for (int k = 0; k < 4; ++k) {
          const IntVector mine = winner == IntVector{} + k;
          lanes.store(pixel + k / 2 * row_floats + k % 2 * p.channels, mine ? grad : Vector{});
        }
      });
      grad_output += p.channels;
      winners += winner_step(p.channels);
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
