// One vector of channels at a time: the pixels of four rows of taps lie side by side in a lane, and
// are multiplied as such once for each tap of a row.
#include "kernels/quantized_depthwise.h"

#include "kernels/dot_products.h"
#include "kernels/quantized_finish.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr int64_t groups_of(int64_t rows) { return (rows + 3) / 4; }
constexpr int64_t padded(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

int64_t packed_bytes(int64_t rows, int64_t taps, int64_t channels) {
  return padded(channels) * (8 + groups_of(rows) * taps * kBytesPerQuad);
}
int64_t scratch_integers(int64_t rows, int64_t columns) {
  return groups_of(rows) * columns * kLanes;
}

// Multipliers, biases, then for each vector of channels the quads, tap after tap.
void pack(const QuantizedDepthwiseWeights& w, void* packed) {
  const int64_t channels = padded(w.channels);
  float* const multiplier = static_cast<float*>(packed);
  int32_t* const bias = reinterpret_cast<int32_t*>(multiplier + channels);
  uint8_t* target = reinterpret_cast<uint8_t*>(bias + channels);
  for (int64_t c = 0; c < channels; ++c) {
    multiplier[c] = c < w.channels ? w.multiplier[c] : 0.0f;
    bias[c] = c < w.channels ? w.bias[c] : 0;
  }
  for (int64_t first = 0; first < channels; first += kLanes) {
    for (int64_t tap = 0; tap < w.taps; ++tap) {
      for (int64_t group = 0; group < groups_of(w.row_count); ++group) {
        for (int64_t k = 0; k < 4; ++k) {
          const int64_t row = 4 * group + k;
          for (int64_t lane = 0; lane < kLanes; ++lane) {
            const bool inside = row < w.row_count && first + lane < w.channels;
            const int64_t at = (row * w.taps + tap) * w.channels + first + lane;
            put_weight(inside ? w.values[at] : int8_t{0}, k, lane, target);
          }
        }
        target += kLanes * kBytesPerQuad;
      }
    }
  }
}

CNNX_INLINE IntVector integers(const uint8_t* source) { return integers_of(load_bytes(source)); }

// The pixels of a column in up to four rows.
CNNX_INLINE IntVector quad_of(const uint8_t* pixel, const int64_t* rows, int64_t count) {
  IntVector quad = integers(pixel + rows[0]);
  if (count > 1) quad |= integers(pixel + rows[1]) << 8;
  if (count > 2) quad |= integers(pixel + rows[2]) << 16;
  if (count > 3) quad |= integers(pixel + rows[3]) << 24;
  return quad;
}

void gather_quads(const QuantizedDepthwiseRow& a, int64_t channel, int64_t columns) {
  const int64_t groups = groups_of(a.row_count);
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t count = a.row_count - 4 * group;
    const uint8_t* pixel = a.source + channel;
    int32_t* target = a.scratch + group * kLanes;
    for (int64_t column = 0; column < columns; ++column) {
      *reinterpret_cast<UnalignedIntVector*>(target) = quad_of(pixel, a.rows + 4 * group, count);
      pixel += a.channels;
      target += groups * kLanes;
    }
  }
}

void run(const QuantizedDepthwiseRow& a) {
  const int64_t groups = groups_of(a.row_count), channels = padded(a.channels);
  const float* const multiplier = static_cast<const float*>(a.packed);
  const int32_t* const bias = reinterpret_cast<const int32_t*>(multiplier + channels);
  const uint8_t* const weights = reinterpret_cast<const uint8_t*>(bias + channels);
  const Finish finish(a.epilogue, multiplier);
  const int64_t columns = (a.outputs - 1) * a.output_step + (a.taps - 1) * a.tap_step + 1;
  const int64_t quads = a.taps * groups, quad_step = kLanes * kBytesPerQuad;
  for (int64_t channel = 0; channel < a.channels; channel += kLanes) {
    gather_quads(a, channel, columns);
    const uint8_t* const own = weights + channel * kBytesPerQuad * quads;
    for (int64_t output = 0; output < a.outputs; ++output) {
      const int32_t* pixels = a.scratch + output * a.output_step * groups * kLanes;
      IntVector sum = load_integers(bias + channel);
      const uint8_t* quad = own;
      for (int64_t tap = 0; tap < a.taps; ++tap, pixels += a.tap_step * groups * kLanes) {
        for (int64_t group = 0; group < groups; ++group, quad += quad_step) {
          sum = add_dot_product(sum, pixels_of(load_integers(pixels + group * kLanes)),
                                load_weights(quad));
        }
      }
      finish.store_window<1>(&sum, output * a.channels + channel, channel, a.channels - channel);
    }
  }
}

}  // namespace

const QuantizedDepthwiseKernels quantized_depthwise_kernels = {packed_bytes, pack, scratch_integers,
                                                               run};

}  // namespace CNNX_ISA
}  // namespace cnnx
