// One block of channels at a time, up to four vectors: the pixels of four rows of taps lie side by
// side in a lane, and are multiplied as such once for each tap of a row.
#include "kernels/quantized_depthwise.h"

#include "kernels/dot_products.h"
#include "kernels/quantized_finish.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kMostVectors = 4;
#else
constexpr int kMostVectors = 2;
#endif

constexpr int64_t groups_of(int64_t rows) { return (rows + 3) / 4; }
constexpr int64_t padded(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }
// Vectors of the block that begins where so many channels are left. Four vectors are interleaved,
// which only outputs in bytes without an addend allow.
constexpr int block_vectors(int64_t channels, bool plain_bytes) {
  if (kMostVectors == 4 && plain_bytes && channels >= 4 * kLanes) return 4;
  return channels > kLanes ? 2 : 1;
}
// Interleaving the bytes of four rows of 64 channels leaves them in this order, which joining
// vectors of integers to bytes undoes.
constexpr bool is_interleaved(int vectors) { return vectors == 4; }
constexpr int64_t channel_of(int vectors, int64_t vector, int64_t lane) {
  return is_interleaved(vectors) ? lane / 4 * 16 + vector * 4 + lane % 4 : vector * kLanes + lane;
}

int64_t packed_bytes(int64_t rows, int64_t taps, int64_t channels) {
  return padded(channels + kLanes) * (8 + groups_of(rows) * taps * kBytesPerQuad);
}
int64_t scratch_integers(int64_t rows, int64_t columns) {
  return groups_of(rows) * columns * kMostVectors * kLanes;
}

// The arrays of a block: multipliers, biases, then the quads, tap after tap.
struct Block {
  float* multiplier;
  int32_t* bias;
  uint8_t* quads;

  Block(void* packed, int vectors)
      : multiplier(static_cast<float*>(packed)),
        bias(reinterpret_cast<int32_t*>(multiplier + vectors * kLanes)),
        quads(reinterpret_cast<uint8_t*>(bias + vectors * kLanes)) {}
};

constexpr int64_t block_bytes(int64_t rows, int64_t taps, int vectors) {
  return vectors * kLanes * (8 + groups_of(rows) * taps * kBytesPerQuad);
}

void pack_block(const QuantizedDepthwiseWeights& w, int64_t first, int vectors, void* packed) {
  const Block block(packed, vectors);
  uint8_t* target = block.quads;
  for (int64_t tap = -1; tap < w.taps; ++tap) {
    for (int64_t group = 0; group < groups_of(w.row_count); ++group) {
      for (int64_t v = 0; v < vectors; ++v) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const int64_t channel = first + channel_of(vectors, v, lane);
          const bool exists = channel < w.channels;
          if (tap < 0) {
            block.multiplier[v * kLanes + lane] = exists ? w.multiplier[channel] : 0.0f;
            block.bias[v * kLanes + lane] = exists
                                                ? start_of_sums(w.bias[channel], w.values + channel,
                                                                w.row_count * w.taps, w.channels)
                                                : 0;
            continue;
          }
          for (int64_t k = 0; k < 4; ++k) {
            const int64_t row = 4 * group + k;
            const int64_t at = (row * w.taps + tap) * w.channels + channel;
            put_weight(exists && row < w.row_count ? w.values[at] : int8_t{0}, k, lane, target);
          }
        }
        if (tap >= 0) target += kLanes * kBytesPerQuad;
      }
    }
  }
}

void pack(const QuantizedDepthwiseWeights& w, void* packed) {
  uint8_t* target = static_cast<uint8_t*>(packed);
  for (int64_t first = 0; first < w.channels;) {
    const int vectors = block_vectors(w.channels - first, w.plain_bytes);
    pack_block(w, first, vectors, target);
    target += block_bytes(w.row_count, w.taps, vectors);
    first += vectors * kLanes;
  }
}

CNNX_INLINE void store_integers(int32_t* target, IntVector value) {
  *reinterpret_cast<UnalignedIntVector*>(target) = value;
}

// The pixels of a column in up to four rows, for each vector of channels.
template <int vectors>
CNNX_INLINE void store_quads(const uint8_t* const* rows, int64_t count, int32_t* target) {
#if defined(__AVX512F__)
  if constexpr (is_interleaved(vectors)) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i first = _mm512_loadu_si512(rows[0]);
    const __m512i second = count > 1 ? _mm512_loadu_si512(rows[1]) : zero;
    const __m512i third = count > 2 ? _mm512_loadu_si512(rows[2]) : zero;
    const __m512i fourth = count > 3 ? _mm512_loadu_si512(rows[3]) : zero;
    const __m512i low = _mm512_unpacklo_epi8(first, second);
    const __m512i high = _mm512_unpackhi_epi8(first, second);
    const __m512i next_low = _mm512_unpacklo_epi8(third, fourth);
    const __m512i next_high = _mm512_unpackhi_epi8(third, fourth);
    _mm512_storeu_si512(target, _mm512_unpacklo_epi16(low, next_low));
    _mm512_storeu_si512(target + kLanes, _mm512_unpackhi_epi16(low, next_low));
    _mm512_storeu_si512(target + 2 * kLanes, _mm512_unpacklo_epi16(high, next_high));
    _mm512_storeu_si512(target + 3 * kLanes, _mm512_unpackhi_epi16(high, next_high));
    return;
  }
#endif
  CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
    const int64_t at = v * kLanes;
    IntVector quad = integers_of(load_bytes(rows[0] + at));
    if (count > 1) quad |= integers_of(load_bytes(rows[1] + at)) << 8;
    if (count > 2) quad |= integers_of(load_bytes(rows[2] + at)) << 16;
    if (count > 3) quad |= integers_of(load_bytes(rows[3] + at)) << 24;
    store_integers(target + at, quad);
  }
}

template <int vectors>
CNNX_INLINE void gather_quads(const QuantizedDepthwiseRow& a, int64_t channel, int64_t columns) {
  const int64_t groups = groups_of(a.row_count);
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t count = a.row_count - 4 * group;
    const uint8_t* rows[4] = {};
    for (int64_t k = 0; k < 4 && k < count; ++k)
      rows[k] = a.source + channel + a.rows[4 * group + k];
    int32_t* target = a.scratch + group * vectors * kLanes;
    for (int64_t column = 0; column < columns; ++column) {
      store_quads<vectors>(rows, count, target);
      for (const uint8_t*& row : rows) row += a.channels;
      target += groups * vectors * kLanes;
    }
  }
}

// `fixed` taps of one group of rows, or any if it is 0.
template <int vectors, int fixed>
void run_block(const QuantizedDepthwiseRow& a, const Block& block, int64_t channel,
               int64_t columns) {
  gather_quads<vectors>(a, channel, columns);
  const int64_t groups = fixed ? 1 : groups_of(a.row_count), taps = fixed ? fixed : a.taps;
  const int64_t quad_step = groups * vectors * kLanes;  // from a column to the next
  const int64_t tap_step = a.tap_step * quad_step, channels = a.channels;
  const Finish finish(a.epilogue, block.multiplier - channel);
  Weights kept[fixed ? fixed : 1][vectors];
  if constexpr (fixed > 0) {
    CNNX_UNROLL for (int i = 0; i < fixed * vectors; ++i) kept[i / vectors][i % vectors] =
        load_weights(block.quads + i * kLanes * kBytesPerQuad);
  }
  const int32_t* first = a.scratch;
  for (int64_t output = 0; output < a.outputs; ++output, first += a.output_step * quad_step) {
    IntVector sums[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) sums[v] = load_integers(block.bias + v * kLanes);
    const int32_t* pixels = first;
    if constexpr (fixed > 0) {
      CNNX_UNROLL for (int tap = 0; tap < fixed; ++tap, pixels += tap_step) {
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) sums[v] =
            add_dot_product(sums[v], pixels_of(load_integers(pixels + v * kLanes)), kept[tap][v]);
      }
    } else {
      const uint8_t* quad = block.quads;
      for (int64_t tap = 0; tap < taps; ++tap, pixels += tap_step) {
        for (int64_t i = 0; i < groups * vectors; ++i, quad += kLanes * kBytesPerQuad) {
          IntVector& sum = sums[i % vectors];
          sum = add_dot_product(sum, pixels_of(load_integers(pixels + i * kLanes)),
                                load_weights(quad));
        }
      }
    }
    finish.store_window<vectors, !is_interleaved(vectors)>(sums, output * channels + channel,
                                                           channel, channels - channel);
  }
}

template <int vectors>
void run_taps(const QuantizedDepthwiseRow& a, const Block& block, int64_t channel,
              int64_t columns) {
  if (a.taps == 3 && a.row_count <= 4) {
    run_block<vectors, 3>(a, block, channel, columns);
  } else {
    run_block<vectors, 0>(a, block, channel, columns);
  }
}

void run(const QuantizedDepthwiseRow& a) {
  const int64_t columns = (a.outputs - 1) * a.output_step + (a.taps - 1) * a.tap_step + 1;
  const bool plain_bytes = a.epilogue.output && !a.epilogue.addend;
  uint8_t* packed = static_cast<uint8_t*>(const_cast<void*>(a.packed));
  for (int64_t channel = 0; channel < a.channels;) {
    const int vectors = block_vectors(a.channels - channel, plain_bytes);
    const Block block(packed, vectors);
    switch (vectors) {
      case 1:
        run_taps<1>(a, block, channel, columns);
        break;
      case 2:
        run_taps<2>(a, block, channel, columns);
        break;
#if defined(__AVX512F__)
      case 4:
        run_taps<4>(a, block, channel, columns);
        break;
#endif
    }
    packed += block_bytes(a.row_count, a.taps, vectors);
    channel += vectors * kLanes;
  }
}

}  // namespace

const QuantizedDepthwiseKernels quantized_depthwise_kernels = {packed_bytes, pack, scratch_integers,
                                                               run};

}  // namespace CNNX_ISA
}  // namespace cnnx
