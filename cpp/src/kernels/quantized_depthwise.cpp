// Blocks of as many outputs as a vector has bytes. The pixels of four rows of taps lie side by side
// in a lane, and are multiplied as such once for each tap of a row. Two rows of outputs share what
// they read if the rows of taps of both are no more groups of four than those of one.
#include "kernels/quantized_depthwise.h"

#include "kernels/byte_quads.h"
#include "kernels/dot_products.h"
#include "kernels/quantized_block_finish.h"
#include "kernels/quantized_range.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr int64_t kQuadBytes = kLanes * kBytesPerQuad;
constexpr int64_t kHeaderBytes = 64, kLineBytes = 64;
// Half of a first-level cache.
constexpr int64_t kCachedWeightBytes = 24 * 1024;

constexpr int64_t groups_of(int64_t rows) { return (rows + 3) / 4; }

int64_t rows_at_once(const QuantizedDepthwiseShape& s) {
  const bool shares = s.row_step > 0 && s.row_step <= s.row_count &&
                      groups_of(s.row_count + s.row_step) == groups_of(s.row_count);
  return shares ? 2 : 1;
}

// A set has multipliers and biases of a block, then quads for each row of outputs, group of rows
// and tap.
constexpr int64_t kBiasBytes = 4 * kLanes * 4, kQuadsBytes = 2 * kBiasBytes;
constexpr int64_t kTapBytes = 4 * kQuadBytes;

// With stride 1, blocks are parts of a row of outputs regardless of its pixels, so that any number
// of channels fills vectors; after `count` blocks the channels are the same again. Otherwise they
// are parts of the channels of one pixel. A set is the weights of a block.
struct Sets {
  bool across_pixels;
  int64_t count, blocks;
  int64_t bytes;  // of one

  explicit Sets(const QuantizedDepthwiseShape& s)
      : across_pixels(s.output_step == 1),
        count((s.channels + kBlockBytes - 1) / kBlockBytes),
        blocks(s.outputs * count),
        bytes(kQuadsBytes + rows_at_once(s) * groups_of(s.row_count) * s.taps * kTapBytes) {
    if (!across_pixels) return;
    int64_t period = s.channels;
    for (int64_t bytes_left = kBlockBytes; period % 2 == 0 && bytes_left > 1; bytes_left /= 2)
      period /= 2;
    blocks = (s.outputs * s.channels + kBlockBytes - 1) / kBlockBytes;
    count = period < blocks ? period : blocks;
  }
};

int64_t packed_bytes(const QuantizedDepthwiseShape& shape) {
  const Sets sets(shape);
  return kHeaderBytes + sets.count * sets.bytes;
}

// The weights of a channel, or none, in a lane of a set.
void pack_lane(const QuantizedDepthwiseWeights& w, int64_t channel, int64_t vector, int64_t lane,
               uint8_t* set) {
  const QuantizedDepthwiseShape& s = w.shape;
  const bool exists = channel < s.channels;
  const int8_t* values = w.values + channel;
  const int64_t at = vector * kLanes + lane;
  reinterpret_cast<float*>(set)[at] = exists ? w.multiplier[channel] : 0.0f;
  reinterpret_cast<int32_t*>(set + kBiasBytes)[at] =
      exists ? start_of_sums(w.bias[channel], values, s.row_count * s.taps, s.channels) : 0;
  uint8_t* quad = set + kQuadsBytes + vector * kQuadBytes;
  for (int64_t output = 0; output < rows_at_once(s); ++output) {
    for (int64_t group = 0; group < groups_of(s.row_count); ++group) {
      for (int64_t tap = 0; tap < s.taps; ++tap, quad += kTapBytes) {
        for (int64_t k = 0; k < 4; ++k) {
          const int64_t row = 4 * group + k - output * s.row_step;
          const bool has_weight = exists && row >= 0 && row < s.row_count;
          put_weight(has_weight ? values[(row * s.taps + tap) * s.channels] : int8_t{0}, k, lane,
                     quad);
        }
      }
    }
  }
}

void pack(const QuantizedDepthwiseWeights& w, void* packed) {
  const Sets sets(w.shape);
  *static_cast<int32_t*>(packed) = sums_fit_int32(w.values, w.shape.row_count * w.shape.taps,
                                                  w.shape.channels, w.bias, w.multiplier);
  for (int64_t i = 0; i < sets.count; ++i) {
    uint8_t* const set = static_cast<uint8_t*>(packed) + kHeaderBytes + i * sets.bytes;
    for (int64_t vector = 0; vector < 4; ++vector) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t at = i * kBlockBytes + byte_of_lane(vector, lane);
        pack_lane(w, sets.across_pixels ? at % w.shape.channels : at, vector, lane, set);
      }
    }
  }
}

// Blocks that are computed one after another, with the weights of so many sets by turns: from one
// to the next, and how many outputs are left in the row or pixel.
struct Blocks {
  int64_t count, first_set, set_count;
  int64_t source_step;
  int64_t element, element_step;
  int64_t left, left_step;
  int64_t next_step;  // bytes to prefetch
};

CNNX_INLINE void load_quads(const uint8_t* const* rows, int64_t at, IntVector* quads) {
  interleave(load_block(rows[0] + at), load_block(rows[1] + at), load_block(rows[2] + at),
             load_block(rows[3] + at), quads);
}

// `row_bytes`: from the weights of a row of outputs to those of the next.
template <int rows>
CNNX_INLINE void add_tap(IntVector (*sums)[4], const IntVector* quads, const uint8_t* weights,
                         int64_t row_bytes) {
  CNNX_UNROLL for (int v = 0; v < 4; ++v) {
    const Pixels pixels = pixels_of(quads[v]);
    CNNX_UNROLL for (int row = 0; row < rows; ++row) sums[row][v] = add_dot_product(
        sums[row][v], pixels, load_weights(weights + row * row_bytes + v * kQuadBytes));
  }
}

// Kernels of so many taps and of the fewest groups of rows for as many rows, or any if `taps` is 0.
// The first `shared` taps of a block read the same pixels as the last ones of the block before.
template <class Finish, int rows, int taps, int shared>
void run_blocks(const QuantizedDepthwiseRows& a, const Sets& sets, const Blocks& blocks) {
  Blocks b = blocks;  // a copy, which no byte that is stored can be part of
  const Finish finish(a.epilogue);
  const uint8_t* next = a.next + b.first_set * b.count * b.next_step;
  const uint8_t* due = next;
  const int64_t tap_step = a.shape.tap_step * a.shape.channels;
  const int64_t row_elements = a.shape.outputs * a.shape.channels;
  const uint8_t* const first_set =
      static_cast<const uint8_t*>(a.packed) + kHeaderBytes + b.first_set * sets.bytes;
  const uint8_t* const last_set = first_set + (b.set_count - 1) * sets.bytes;
  const uint8_t* set = first_set;
  constexpr int groups = taps > 0 ? groups_of(taps) : 1;
  const uint8_t* lines[4 * groups];
  for (int k = 0; k < 4 * groups; ++k) lines[k] = a.source + a.rows[k] + b.element;
  IntVector quads[shared > 0 ? taps : 1][4];
  if constexpr (shared > 0) {
    CNNX_UNROLL for (int tap = 0; tap < shared; ++tap)
        load_quads(lines, tap * tap_step, quads[taps - shared + tap]);
    for (const uint8_t*& line : lines) line += shared * tap_step;
  }
  for (int64_t i = 0, at = 0; i < b.count; ++i, at += b.source_step) {
    due += b.next_step;
    for (; next < due; next += kLineBytes) __builtin_prefetch(next);
    // GCC would keep the addresses of all weights, more than it has registers.
    __asm__("" : "+r"(set));
    const int32_t* bias = reinterpret_cast<const int32_t*>(set + kBiasBytes);
    const uint8_t* weights = set + kQuadsBytes;
    IntVector sums[rows][4];
    CNNX_UNROLL for (int v = 0; v < 4; ++v) {
      const IntVector start = held(load_integers(bias + v * kLanes));
      CNNX_UNROLL for (int row = 0; row < rows; ++row) sums[row][v] = start;
    }
    if constexpr (shared > 0) {
      CNNX_UNROLL for (int k = 0; k < 4 * shared; ++k) quads[k / 4][k % 4] =
          quads[taps - shared + k / 4][k % 4];
      CNNX_UNROLL for (int tap = shared; tap < taps; ++tap)
          load_quads(lines, at + (tap - shared) * tap_step, quads[tap]);
      CNNX_UNROLL for (int tap = 0; tap < taps; ++tap)
          add_tap<rows>(sums, quads[tap], weights + tap * kTapBytes, taps * kTapBytes);
    } else if constexpr (taps > 0) {
      for (int group = 0; group < groups; ++group, weights += taps * kTapBytes) {
        CNNX_UNROLL for (int tap = 0; tap < taps; ++tap) {
          load_quads(lines + 4 * group, at + tap * tap_step, quads[0]);
          add_tap<rows>(sums, quads[0], weights + tap * kTapBytes, groups * taps * kTapBytes);
        }
      }
    } else {
      const int64_t all_groups = groups_of(a.shape.row_count);
      const int64_t row_bytes = all_groups * a.shape.taps * kTapBytes;
      for (int64_t group = 0; group < all_groups; ++group) {
        for (int k = 0; k < 4; ++k) lines[k] = a.source + a.rows[4 * group + k] + b.element;
        for (int64_t tap = 0; tap < a.shape.taps; ++tap, weights += kTapBytes) {
          load_quads(lines, at + tap * tap_step, quads[0]);
          add_tap<rows>(sums, quads[0], weights, row_bytes);
        }
      }
    }
    finish.template store<rows>(sums, reinterpret_cast<const float*>(set),
                                b.element + i * b.element_step, row_elements, b.left);
    b.left -= b.left_step;
    if constexpr (shared == 0) set = set == last_set ? first_set : set + sets.bytes;
  }
}

// A function of its own for every kind of blocks, and whether it keeps the weights of one set.
struct BlocksOfKind {
  void (*run)(const QuantizedDepthwiseRows& a, const Sets& sets, const Blocks& blocks);
  bool keeps_set;
};
template <class Finish, int rows, int taps, int shared>
constexpr BlocksOfKind blocks_of_kind = {run_blocks<Finish, rows, taps, shared>, shared > 0};

void run_sets(const QuantizedDepthwiseRows& a, const BlocksOfKind& blocks) {
  const QuantizedDepthwiseShape& s = a.shape;
  const Sets sets(s);
  Blocks b = {};
  b.next_step = (a.next_bytes + sets.blocks - 1) / sets.blocks;
  // In the order of memory, unless many weights would leave the cache before their next turn.
  const bool cached = sets.count * sets.bytes <= kCachedWeightBytes;
  const bool by_turns =
      sets.across_pixels && !blocks.keeps_set && (cached || sets.blocks < 4 * sets.count);
  b.set_count = by_turns ? sets.count : 1;
  for (; b.first_set < sets.count; b.first_set += b.set_count) {
    b.element = b.first_set * kBlockBytes;
    if (sets.across_pixels) {
      b.source_step = b.element_step = b.left_step = sets.count / b.set_count * kBlockBytes;
      b.left = s.outputs * s.channels - b.element;
      b.count = (b.left + b.left_step - 1) / b.left_step;
    } else {
      b.source_step = s.output_step * s.channels;
      b.element_step = s.channels;
      b.left = s.channels - b.element;
      b.count = s.outputs;
    }
    blocks.run(a, sets, b);
  }
}

template <int rows>
BlocksOfKind blocks_for(const QuantizedDepthwiseRows& a) {
  const QuantizedDepthwiseShape& s = a.shape;
  const Sets sets(s);
  const bool plain =
      a.epilogue.output && !a.epilogue.addend && *static_cast<const int32_t*>(a.packed);
  const int64_t source_step =
      sets.across_pixels ? sets.count * kBlockBytes : s.output_step * s.channels;
  const int64_t tap_step = s.tap_step * s.channels, groups = groups_of(s.row_count);
  if (!plain) return blocks_of_kind<BlockFinish, rows, 0, 0>;
  if (s.taps == 5 && groups == 2) return blocks_of_kind<PlainBlockFinish, rows, 5, 0>;
  if (s.taps != 3 || groups != 1) return blocks_of_kind<PlainBlockFinish, rows, 0, 0>;
  if (source_step == tap_step) return blocks_of_kind<PlainBlockFinish, rows, 3, 2>;
  if (source_step == 2 * tap_step) return blocks_of_kind<PlainBlockFinish, rows, 3, 1>;
  return blocks_of_kind<PlainBlockFinish, rows, 3, 0>;
}

void run(const QuantizedDepthwiseRows& a) {
  run_sets(a, a.count == 2 ? blocks_for<2>(a) : blocks_for<1>(a));
}

}  // namespace

const QuantizedDepthwiseKernels quantized_depthwise_kernels = {rows_at_once, packed_bytes, pack,
                                                               run};

}  // namespace CNNX_ISA
}  // namespace cnnx
