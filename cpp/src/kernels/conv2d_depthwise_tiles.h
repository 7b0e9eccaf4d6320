// The depthwise convolution: a vector of channels of some pixels at a time, the taps in order,
// directly from the image. Of DepthwiseElement, see conv2d_depthwise_tile.h.
#pragma once

#include "kernels/conv2d_depthwise_tile.h"
#include "kernels/split.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Columns of a tile. The rest of a line is divided into tiles of nearly equal size. Every size is a
// function of its own. Wide tiles take most of the code, so the baseline, for CPUs before 2013, and
// bfloat16 have half the sizes.
template <int... kCount>
struct Columns;
#if defined(CNNX_HAS_FMA)
constexpr int kMostColumns = sizeof(Element) == sizeof(float) ? 8 : 4;
#else
constexpr int kMostColumns = 4;
#endif
template <int kMost>
struct ColumnsUpTo;
template <>
struct ColumnsUpTo<4> {
  using Type = Columns<1, 2, 3, 4>;
};
template <>
struct ColumnsUpTo<8> {
  using Type = Columns<1, 2, 3, 4, 5, 6, 7, 8>;
};
using TileColumns = ColumnsUpTo<kMostColumns>::Type;

// The vectors of a sliding tile. Masked stores of AVX-512 take longer than others, so the widest
// tiles of bfloat16, which compute most outputs, have code of their own for whole vectors. Floats
// would gain a percent for 50 KB of every static program.
#if defined(__AVX512F__)
constexpr int kLeastWide = sizeof(Element) < sizeof(float) ? kMostColumns - 1 : kMostColumns + 1;
#else
constexpr int kLeastWide = kMostColumns + 1;
#endif
template <bool kIsWide>
struct SlidingVectors : TileVectorsOf<Element>::Type {};
template <>
struct SlidingVectors<true> : EveryVector {};

// Any windows: loads every tap of every output.
template <int kCount, class Vectors = TileVectorsOf<Element>::Type>
void convolve_any(const Pass& p, const Outputs& outputs) {
  const Places places(p, outputs);
  const int64_t step = p.horizontal.stride * places.channels;
  const int64_t tap_step = p.horizontal.dilation * places.channels;
  Vectors::for_each(places.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[1][kCount];
    fetch_target<1, kCount>(places, channel);
    start(p, places, channel, lanes, sum);
    for (int64_t u = outputs.source_rows.first; u < outputs.source_rows.last; ++u) {
      const Element* source = places.source + u * places.source_row + channel;
      const float* weights = places.weight + u * places.tap_row + channel;
      for (int64_t v = outputs.tap_columns.first; v < outputs.tap_columns.last; ++v) {
        const Vector weight = lanes.load(weights + v * places.tap_column);
        const Element* pixel = source + v * tap_step;
        CNNX_UNROLL for (int i = 0; i < kCount; ++i, pixel += step) {
          sum[0][i] = fused_multiply_add(lanes.load(pixel), weight, sum[0][i]);
        }
      }
    }
    finish(p, places, channel, lanes, sum);
  });
}

// Prefetches `lines` cache lines of each of some rows, into the first level: they are read soon.
CNNX_INLINE void fetch_lines(const Element* first, int64_t rows, int64_t row_elements,
                             int64_t lines) {
  for (; rows > 0; --rows, first += row_elements) {
    for (int64_t i = 0; i < lines; ++i) __builtin_prefetch(first + i * kCacheLine<Element>, 0, 3);
  }
}

// Windows of kTaps taps side by side, kStride apart: a pixel is loaded once for all windows of the
// tile that contain it. Taps beside the image read zeros.
template <int kTaps, int kStride, int kRows, int kCount,
          class Vectors = SlidingVectors<(kCount >= kLeastWide)>>
void convolve_sliding(const Pass& p, const Outputs& outputs) {
  constexpr int kSpan = (kCount - 1) * kStride + kTaps;
  const Places places(p, outputs);
  const int64_t left = p.horizontal.origin + outputs.q * kStride;
  const int64_t inside_first = -left, inside_last = p.width - left;
  const bool fetches = p.fetches && p.column_step <= p.channels;  // other phases read the same rows
  // The pixels that the tile below reads first.
  const Element* const below = places.source + outputs.source_rows.last * places.source_row;
  Vectors::for_each(places.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[kRows][kCount];
    fetch_target<kRows, kCount>(places, channel);
    if (fetches) {
      // A part of those pixels, in the order of memory.
      constexpr int64_t kLines = (kSpan * kLanes + kCacheLine<Element> - 1) / kCacheLine<Element>;
      fetch_lines(below + channel * kSpan, kRows * p.vertical.stride, places.source_row, kLines);
    }
    start(p, places, channel, lanes, sum);
    const int64_t first = outputs.source_rows.first, last = outputs.source_rows.last;
    const Element* source_row = places.source + first * places.source_row + channel;
    const float* weight_row = places.weight + first * places.tap_row + channel;
    for (int64_t u = first; u < last; ++u) {
      const Element* source = source_row;
      const float* weights = weight_row;
      source_row += places.source_row;
      weight_row += places.tap_row;
      const auto next_pixel = [&](int j) CNNX_INLINED {
        const bool outside =
            (j < kTaps - 1 && j < inside_first) || (j > kSpan - kTaps && j >= inside_last);
        const Vector value = held(lanes.load(outside ? kZeros : source));
        source += places.channels;
        return value;
      };
      Vector weight[kTaps];
      if (kRows == 1) {  // one pixel at a time, which uses few registers
        CNNX_UNROLL for (int v = 0; v < kTaps; ++v) weight[v] =
            lanes.load(weights + v * places.tap_column);
        CNNX_UNROLL for (int j = 0; j < kSpan; ++j) {
          const Vector value = next_pixel(j);
          CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
            const int distance = j - v, i = distance / kStride;
            if (distance >= 0 && distance % kStride == 0 && i < kCount) {
              sum[0][i] = fused_multiply_add(value, weight[v], sum[0][i]);
            }
          }
        }
        continue;
      }
      Vector pixel[kSpan];
      CNNX_UNROLL for (int j = 0; j < kSpan; ++j) pixel[j] = next_pixel(j);
      CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
        const int64_t tap = u - r;
        if (tap < 0 || tap >= p.vertical.taps) continue;
        CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
          weight[v] = lanes.load(weights - r * places.tap_row + v * places.tap_column);
          CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
            sum[r][i] = fused_multiply_add(pixel[i * kStride + v], weight[v], sum[r][i]);
          }
        }
      }
    }
    finish(p, places, channel, lanes, sum);
  });
}

// `of` is indexed by the number of columns minus one. `rest` processes the remaining channels of
// one column, if vectors leave any.
using Tile = void (*)(const Pass&, const Outputs&);
struct Tiles {
  int64_t taps, stride;
  int rows;
  Tile of[kMostColumns];
  Tile rest;

  CNNX_INLINE void convolve(const Pass& p, const Outputs& outputs, int64_t columns) const {
    of[columns - 1](p, outputs);
    if (!tiles_leave_rest<Element>(p.channels)) return;
    for (int64_t i = 0; i < columns; ++i) rest(p, outputs.from(outputs.q + i));
  }
};
template <int... kCount>
struct Columns {
  template <int kTaps, int kStride, int kRows>
  static constexpr Tiles sliding() {
    Tiles tiles = {
        kTaps, kStride, kRows, {convolve_sliding<kTaps, kStride, kRows, kCount>...}, nullptr};
    if constexpr (TileVectorsOf<Element>::kLeaveRest)
      tiles.rest = convolve_sliding<kTaps, kStride, kRows, 1, RestOfChannels>;
    return tiles;
  }
  static constexpr Tiles any() {
    Tiles tiles = {0, 0, 1, {convolve_any<kCount>...}, nullptr};
    if constexpr (TileVectorsOf<Element>::kLeaveRest) tiles.rest = convolve_any<1, RestOfChannels>;
    return tiles;
  }
};

// Windows of 2 taps are a phase of the input gradient of 3x3 kernels with stride 2. A single tap
// has nothing to share. With stride 1, tiles of two rows load each pixel once for both.
constexpr Tiles kSliding[] = {
    TileColumns::sliding<2, 1, 1>(), TileColumns::sliding<3, 1, 1>(),
    TileColumns::sliding<3, 2, 1>(), TileColumns::sliding<5, 1, 1>(),
    TileColumns::sliding<5, 2, 1>(),
#if defined(CNNX_32_REGISTERS)  // for two rows' sums, a row of pixels and of weights
    TileColumns::sliding<3, 1, 2>(), TileColumns::sliding<5, 1, 2>(),
#endif
};
constexpr Tiles kAny = TileColumns::any();

// Tiles of so many rows; null if no tile fits.
const Tiles* sliding_tiles(const Pass& p, int rows) {
  const WindowAxis& h = p.horizontal;
  if (!slides(h, p.columns, p.width)) return nullptr;
  if (rows > 1 && (p.vertical.stride != 1 || p.vertical.dilation != 1)) return nullptr;
  for (const Tiles& tiles : kSliding) {
    if (tiles.taps == h.taps && tiles.stride == h.stride && tiles.rows == rows) return &tiles;
  }
  return nullptr;
}

// The columns from outputs.q on that `split` divides.
void convolve_columns(const Pass& p, const Tiles& tiles, const Outputs& outputs,
                      const Split& split) {
  int64_t q = outputs.q;
  for (int64_t t = 0; t < split.tiles; ++t) {
    const int64_t columns = split.items(t);
    tiles.convolve(p, outputs.from(q), columns);
    q += columns;
  }
}

#if defined(CNNX_32_REGISTERS)
// A vector of channels of a few columns is computed down the map, with the weights and the sums of
// three rows in registers, so that every pixel is loaded once. Rows outside the output are summed
// too, and not stored.
template <int kCount>
void convolve_down(const Pass& p, int64_t q, int64_t first, int64_t last) {
  constexpr int64_t kAhead = 4 * kLanes;
  const bool fetches = p.order == DepthwiseOrder::down_with_prefetches;
  const int64_t channels = p.channels, row_elements = p.width * channels;
  const int64_t left = p.horizontal.origin + q, inside_first = -left, inside_last = p.width - left;
  using Vectors = SlidingVectors<(sizeof(Element) < sizeof(float))>;
  Vectors::for_each(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector weight[9], sum[3][1][kCount] = {};
    CNNX_UNROLL for (int k = 0; k < 9; ++k) weight[k] =
        lanes.load(p.weight + k / 3 * p.tap_row_step + k % 3 * p.tap_column_step + channel);
    const Element* source =
        p.source + (p.vertical.origin + first) * row_elements + left * channels + channel;
    int64_t row = first;  // whose first row of taps reads the source row
    const auto step = [&](Vector(&newest)[1][kCount], Vector(&middle)[1][kCount],
                          Vector(&oldest)[1][kCount]) CNNX_INLINED {
      if (row < last) {
        const Places places(p, {row, q, {}, {}});
        if (fetches) {
          CNNX_UNROLL for (int i = 0; i < kCount; ++i)
              __builtin_prefetch(places.target + channel + kAhead + i * places.column, 1, 2);
        }
        start(p, places, channel, lanes, newest);
      }
      const int64_t source_row = p.vertical.origin + row;
      if (source_row >= 0 && source_row < p.height) {
        const Element* pixel = source;
        if (fetches) {
          CNNX_UNROLL for (int j = 0; j < kCount + 2; ++j)
              __builtin_prefetch(pixel + j * channels + kAhead, 0, 2);
        }
        CNNX_UNROLL for (int j = 0; j < kCount + 2; ++j, pixel += channels) {
          const bool outside = (j < 2 && j < inside_first) || (j >= kCount && j >= inside_last);
          const Vector value = held(lanes.load(outside ? kZeros : pixel));
          CNNX_UNROLL for (int v = 0; v < 3; ++v) {
            const int i = j - v;
            if (i < 0 || i >= kCount) continue;
            newest[0][i] = fused_multiply_add(value, weight[v], newest[0][i]);
            middle[0][i] = fused_multiply_add(value, weight[3 + v], middle[0][i]);
            oldest[0][i] = fused_multiply_add(value, weight[6 + v], oldest[0][i]);
          }
        }
      }
      if (row - 2 >= first) finish(p, Places(p, {row - 2, q, {}, {}}), channel, lanes, oldest);
      source += row_elements;
      return ++row < last + 2;
    };
    while (step(sum[0], sum[2], sum[1]) && step(sum[1], sum[0], sum[2]) &&
           step(sum[2], sum[1], sum[0])) {
    }
  });
}

// Three rows of sums and nine weights fill 32 registers; fewer columns would gain nothing.
constexpr int64_t kLeastColumnsDown = 4, kMostColumnsDown = 7;
constexpr void (*kDown[])(const Pass&, int64_t, int64_t, int64_t) = {
    convolve_down<4>, convolve_down<5>, convolve_down<6>, convolve_down<7>};

bool goes_down(const Pass& p) {
  const WindowAxis &v = p.vertical, &h = p.horizontal;
  return p.order != DepthwiseOrder::by_rows && p.columns >= kLeastColumnsDown && v.taps == 3 &&
         h.taps == 3 && v.stride == 1 && h.stride == 1 && v.dilation == 1 &&
         slides(h, p.columns, p.width);
}
void convolve_all_down(const Pass& p, int64_t first, int64_t last) {
  const Split tiled = split(p.columns, kMostColumnsDown);
  int64_t q = 0;
  for (int64_t t = 0; t < tiled.tiles; ++t) {
    const int64_t columns = tiled.items(t);
    kDown[columns - kLeastColumnsDown](p, q, first, last);
    q += columns;
  }
}
#else
bool goes_down(const Pass&) { return false; }
void convolve_all_down(const Pass&, int64_t, int64_t) {}
#endif

// source (height, width, channels) -> target
void convolve_depthwise(const Pass& p, int64_t first, int64_t last) {
  if (goes_down(p)) return convolve_all_down(p, first, last);
  const Tiles *sliding = sliding_tiles(p, 1), *pairs = sliding_tiles(p, 2);
  const Range inside = windows_wholly_inside(p.horizontal, p.columns, p.width);
  const Range all = {0, p.horizontal.taps};
  const Split columns = split(sliding ? p.columns : inside.last - inside.first, kMostColumns);
  for (int64_t row = first, rows; row < last; row += rows) {
    rows = pairs && row + 2 <= last ? 2 : 1;
    const int64_t top = p.vertical.origin + row * p.vertical.stride;
    const Range source_rows =
        places_inside(top, p.vertical.dilation, p.vertical.taps + rows - 1, p.height);
    if (sliding) {
      convolve_columns(p, rows == 2 ? *pairs : *sliding, {row, 0, source_rows, all}, columns);
      continue;
    }
    const auto at_edge = [&](int64_t q) {
      kAny.convolve(p, {row, q, source_rows, taps_inside(p.horizontal, q, p.width)}, 1);
    };
    for (int64_t q = 0; q < inside.first; ++q) at_edge(q);
    convolve_columns(p, kAny, {row, inside.first, source_rows, all}, columns);
    for (int64_t q = inside.last; q < p.columns; ++q) at_edge(q);
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
