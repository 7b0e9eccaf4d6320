// Channel shuffle: the transpose of a matrix with a group's channels in each row. The compiler
// turns the loops of constant numbers of groups into vectors; large matrices are transposed in
// tiles.
#include "kernels/channel_shuffle.h"

#include "kernels/bfloat16.h"
#include "kernels/quad.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Calls body with the number of groups as a constant for those of ShuffleNet.
template <class Body>
CNNX_INLINE void with_constant_groups(int64_t groups, const Body& body) {
  if (groups == 2) {
    body(2);
  } else if (groups == 3) {
    body(3);
  } else if (groups == 4) {
    body(4);
  } else {
    body(groups);
  }
}

CNNX_INLINE float sum_of(float a, float b) { return a + b; }
CNNX_INLINE uint16_t sum_of(uint16_t a, uint16_t b) {
  return rounded_to_words(widened(WordVector{a}) + widened(WordVector{b}))[0];
}

// Rows and columns of a tile: both its source and its target stay in a first-level cache.
constexpr int64_t kTile = 16;

CNNX_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

struct Matrix {
  int64_t rows, columns;
};
// A part of a matrix.
struct Block {
  int64_t first_row, last_row, first_column, last_column;
};

// to[column * rows + row] = from[row * columns + column] for a block, or added to it.
template <bool kAccumulate, class Element>
CNNX_INLINE void transpose_elements(const Element* __restrict from, const Matrix& m, const Block& b,
                                    Element* __restrict to) {
  for (int64_t c = b.first_column; c < b.last_column; ++c) {
    for (int64_t r = b.first_row; r < b.last_row; ++r) {
      Element& each = to[c * m.rows + r];
      const Element value = from[r * m.columns + c];
      each = kAccumulate ? sum_of(each, value) : value;
    }
  }
}

// The same for a block of quads.
CNNX_INLINE void transpose_quads(const float* from, const Matrix& m, const Block& b, float* to) {
  for (int64_t c = b.first_column; c < b.last_column; c += 4) {
    for (int64_t r = b.first_row; r < b.last_row; r += 4)
      transpose_quad(from + r * m.columns + c, m.columns, to + c * m.rows + r, m.rows);
  }
}

template <bool kAccumulate, class Element>
void transpose(const Element* from, const Matrix& m, const Block& b, Element* to) {
  constexpr bool kHasQuads = !kAccumulate && sizeof(Element) == sizeof(float);
  for (int64_t c = b.first_column; c < b.last_column; c += kTile) {
    const int64_t last_column = least(c + kTile, b.last_column);
    const int64_t quads_end = kHasQuads ? last_column - (last_column - c) % 4 : c;
    for (int64_t r = b.first_row; r < b.last_row; r += kTile) {
      const int64_t last_row = least(r + kTile, b.last_row);
      const int64_t quads_bottom = kHasQuads ? last_row - (last_row - r) % 4 : r;
      if constexpr (kHasQuads) {
        transpose_quads(from, m, {r, quads_bottom, c, quads_end}, to);
        transpose_elements<kAccumulate>(from, m, {quads_bottom, last_row, c, quads_end}, to);
      }
      transpose_elements<kAccumulate>(from, m, {r, last_row, quads_end, last_column}, to);
    }
  }
}

// Whether a matrix has too few rows or columns for quads.
CNNX_INLINE bool is_narrow(const ShuffledRows& s) { return s.groups < 4 || s.group_channels < 4; }

template <class Element>
void shuffle(const Element* x, ShuffledRows s, Element* output) {
  const int64_t group_channels = s.group_channels;
  const auto shuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < s.rows; ++row) {
      const Element* __restrict source = x + row * count * group_channels;
      Element* __restrict target = output + row * count * group_channels;
      for (int64_t j = s.first; j < s.last; ++j) {
        for (int64_t group = 0; group < count; ++group)
          target[j * count + group] = source[group * group_channels + j];
      }
    }
  };
  if (s.groups == 4 || is_narrow(s)) return with_constant_groups(s.groups, shuffle_rows);
  const int64_t channels = s.groups * group_channels;
  for (int64_t row = 0; row < s.rows; ++row) {
    transpose<false>(x + row * channels, {s.groups, group_channels}, {0, s.groups, s.first, s.last},
                     output + row * channels);
  }
}

template <class Element>
void unshuffle(const Element* x, ShuffledRows s, bool accumulate, Element* output) {
  const int64_t group_channels = s.group_channels;
  const auto unshuffle_rows = [&](int64_t count) CNNX_INLINED {
    for (int64_t row = 0; row < s.rows; ++row) {
      const Element* __restrict source = x + row * count * group_channels;
      Element* __restrict target = output + row * count * group_channels;
      for (int64_t group = 0; group < count; ++group) {
        for (int64_t j = s.first; j < s.last; ++j) {
          Element& each = target[group * group_channels + j];
          each = accumulate ? sum_of(each, source[j * count + group]) : source[j * count + group];
        }
      }
    }
  };
  if (s.groups == 2) return unshuffle_rows(2);  // those of ShuffleNet V2
  if (is_narrow(s)) return unshuffle_rows(s.groups);
  const int64_t channels = s.groups * group_channels;
  const auto transpose_row = accumulate ? transpose<true, Element> : transpose<false, Element>;
  for (int64_t row = 0; row < s.rows; ++row) {
    transpose_row(x + row * channels, {group_channels, s.groups}, {s.first, s.last, 0, s.groups},
                  output + row * channels);
  }
}

}  // namespace

const ChannelShuffleKernels channel_shuffle_kernels = {shuffle<float>, shuffle<uint16_t>};
const ChannelShuffleGradientKernels channel_shuffle_gradient_kernels = {unshuffle<float>,
                                                                        unshuffle<uint16_t>};

}  // namespace CNNX_ISA
}  // namespace cnnx
