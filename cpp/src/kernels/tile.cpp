// The register tiles: all multiplications of convolutions and dense layers run in one of these two
// loops.
#include "kernels/tile.h"

#include "kernels/split.h"
#include "kernels/tile_addend.h"
#include "kernels/tile_fetch.h"
#include "kernels/tile_last_vector.h"
#include "kernels/tile_packing.h"
#include "kernels/tile_rows.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Accumulator vectors in flight. A fused multiply-add takes 4 cycles and two start per cycle, so 8
// independent chains keep the units busy. More chains share each panel load among more
// multiplications. 32 registers hold 28 accumulators, two panel vectors and a broadcast. 16 hold 12
// accumulators or, with one panel vector, 14.
#if defined(CNNX_32_REGISTERS)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif
constexpr int kRowsOfPairs = kRegisters == 32 ? 14 : 6;  // tile rows if a row is two vectors
constexpr int kRowsOfOne = kRegisters == 32 ? 14 : 12;   // if it is one vector

// Product -----------------------------------------------------------------------------------------

// The path of one tile along a row of taps, and whether its sums end with the ReLU.
struct Walk {
  int64_t taps_wide, run;
  bool zero_first, zero_last;
  bool relu;
};

constexpr float kZeros[kMostZeroRun] = {};

// The offset from `from` to the zeros.
CNNX_INLINE int64_t to_zeros(const float* from) {
  return (reinterpret_cast<intptr_t>(kZeros) - reinterpret_cast<intptr_t>(from)) /
         static_cast<int64_t>(sizeof(float));
}

// Prefetching for a later tile, a cache line at a time during the multiplications of this one.
// Prefetching everything at once would block all other loads. A second array to read would take
// registers that the loop needs.
struct Ahead {
  FetchAhead read;
  const float *output, *output_end;
  int64_t output_step;

  template <int kVectors>
  CNNX_INLINE void fetch_line() {
    if (read.next < read.end) {
      __builtin_prefetch(read.next, 0, 3);
      read.next += kCacheLine<float>;
    }
    if (output < output_end) {
      CNNX_UNROLL for (int v = 0; v < kVectors; ++v) __builtin_prefetch(output + v * kLanes, 1, 3);
      output += output_step;
    }
  }
};

// Multiply-adds for kSteps values of k: kSteps rows of the panel, and as many floats of every row.
template <int kSteps, bool kHalf, int kRows, int kVectors>
CNNX_INLINE void add_products(const float* x, int64_t first, int64_t step, int64_t last,
                              const float* panel, Vector (&sum)[kRows][kVectors]) {
  Vector weight[kSteps][kVectors];
  CNNX_UNROLL for (int k = 0; k < kSteps; ++k) CNNX_UNROLL for (int v = 0; v < kVectors; ++v)
      weight[k][v] = load(panel + (k * kVectors + v) * kLanes);
  const RowAddresses rows = row_addresses(x, step);
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
    const float* row = x + (r == 0 ? first : r == kRows - 1 ? last : r * step);
    if (kSteps == 1 && r > 0 && r < kRows - 1) row = rows.at(r);
#if defined(__AVX512F__)
    // One register holds the address. An address of two registers would split each multiply-add
    // with a memory operand in two, which limits decoding.
    if (kSteps > 1) asm("" : "+r"(row));
#endif
    CNNX_UNROLL for (int k = 0; k < kSteps; ++k) {
      const Vector value = broadcast(row[k]);
      CNNX_UNROLL for (int v = 0; v < kVectors - 1; ++v) {
        sum[r][v] = fused_multiply_add(value, weight[k][v], sum[r][v]);
      }
      Vector& last_sum = sum[r][kVectors - 1];
      last_sum = add_product<kHalf>(value, weight[k][kVectors - 1], last_sum);
    }
  }
}

// Values of k that a tile of one vector processes at once.
constexpr int kStepsOfOne = kRegisters == 32 ? 4 : 1;

template <bool kFetches, int kRows, int kVectors, bool kHalf = false>
void product_tile(const Product& p, const Walk& walk, const Ahead& later, const float* input,
                  float* output) {
  constexpr int kLast = kVectors - 1;
  const int64_t row_step = p.row_step;
  const int64_t rest = p.columns - kLast * kLanes;
  const bool whole = rest == kLastLanes<kHalf>;
  Vector sum[kRows][kVectors];
  if (p.start) {
    CNNX_UNROLL for (int v = 0; v < kVectors; ++v) {
      const Vector start = load(p.start + v * kLanes);
      CNNX_UNROLL for (int r = 0; r < kRows; ++r) sum[r][v] = start;
    }
  } else {
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
      const float* held = output + r * p.output_step;
      CNNX_UNROLL for (int v = 0; v < kLast; ++v) sum[r][v] = load(held + v * kLanes);
      sum[r][kLast] = whole ? load_last<kHalf>(held + kLast * kLanes)
                            : load_partial(held + kLast * kLanes, rest);
    }
  }
  Ahead ahead = {};
  if (kFetches) ahead = later;
  const float* panel = p.panel;
  for (int64_t i = 0; i < p.taps_high; ++i) {
    for (int64_t j = 0; j < walk.taps_wide; ++j) {
      const float* x = input + i * p.tap_row_step + j * p.tap_column_step;
      const bool zero_last = walk.zero_last && j == walk.taps_wide - 1;
      const bool zero_first = (walk.zero_first && j == 0) || (kRows == 1 && zero_last);
      const int64_t first = zero_first ? to_zeros(x) : 0;
      const int64_t last = zero_last ? to_zeros(x) : (kRows - 1) * row_step;
      const float* const end = x + walk.run;
      if (kVectors == 1 && kStepsOfOne > 1) {
        for (; end - x >= kStepsOfOne; x += kStepsOfOne, panel += kStepsOfOne * kLanes) {
          if (kFetches) ahead.fetch_line<kVectors>();
          add_products<kStepsOfOne, kHalf>(x, first, row_step, last, panel, sum);
        }
      }
      for (; x != end; ++x, panel += kVectors * kLanes) {
        if (kFetches) ahead.fetch_line<kVectors>();
        add_products<1, kHalf>(x, first, row_step, last, panel, sum);
      }
    }
  }
  int64_t output_step = p.output_step;
  if (kVectors > 1) {
    opaque(output);
    opaque(output_step);
  }
  if (walk.relu) {
    const Vector ceiling = broadcast(p.ceiling);
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < kVectors; ++v)
        sum[r][v] = at_most(ceiling, positive_part(sum[r][v]));
  }
  if (whole) {
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
      float* target = output + r * output_step;
      CNNX_UNROLL for (int v = 0; v < kLast; ++v) store(target + v * kLanes, sum[r][v]);
      store_last<kHalf>(target + kLast * kLanes, sum[r][kLast]);
    }
    return;
  }
  // Rows without a gap between them: a whole vector may overwrite the next row, which is stored
  // afterwards. Masked stores take many cycles on AMD's AVX2 CPUs.
  const bool spills = kVectors == 1 && output_step == p.columns && 2 * p.columns >= kLanes;
  if (spills) {
    CNNX_UNROLL for (int r = 0; r < kRows - 1; ++r) store(output + r * output_step, sum[r][0]);
    return store_partial(output + (kRows - 1) * output_step, sum[kRows - 1][0], rest);
  }
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
    float* target = output + r * output_step;
    CNNX_UNROLL for (int v = 0; v < kLast; ++v) store(target + v * kLanes, sum[r][v]);
    store_partial(target + kLast * kLanes, sum[r][kLast], rest);
  }
}

using ProductTile = void (*)(const Product&, const Walk&, const Ahead&, const float*, float*);
#define CNNX_PRODUCT_6(fetches, vectors)                                    \
  product_tile<fetches, 1, vectors>, product_tile<fetches, 2, vectors>,     \
      product_tile<fetches, 3, vectors>, product_tile<fetches, 4, vectors>, \
      product_tile<fetches, 5, vectors>, product_tile<fetches, 6, vectors>
#define CNNX_PRODUCT_12(fetches, vectors)                                     \
  CNNX_PRODUCT_6(fetches, vectors), product_tile<fetches, 7, vectors>,        \
      product_tile<fetches, 8, vectors>, product_tile<fetches, 9, vectors>,   \
      product_tile<fetches, 10, vectors>, product_tile<fetches, 11, vectors>, \
      product_tile<fetches, 12, vectors>
#define CNNX_PRODUCT_14(fetches, vectors)                                \
  CNNX_PRODUCT_12(fetches, vectors), product_tile<fetches, 13, vectors>, \
      product_tile<fetches, 14, vectors>

// Indexed by whether they prefetch.
#if defined(CNNX_32_REGISTERS)
constexpr ProductTile kProductOfPairs[2][kRowsOfPairs] = {{CNNX_PRODUCT_14(false, 2)},
                                                          {CNNX_PRODUCT_14(true, 2)}};
// Where a step takes as many cycles, code that may prefetch costs little time.
constexpr ProductTile kProductOfOneVector[kRowsOfOne] = {CNNX_PRODUCT_14(true, 1)};
constexpr const ProductTile* kProductOfOne[2] = {kProductOfOneVector, kProductOfOneVector};
#else
constexpr ProductTile kProductOfPairs[2][kRowsOfPairs] = {{CNNX_PRODUCT_6(false, 2)},
                                                          {CNNX_PRODUCT_6(true, 2)}};
constexpr ProductTile kProductOfOne[2][kRowsOfOne] = {{CNNX_PRODUCT_12(false, 1)},
                                                      {CNNX_PRODUCT_12(true, 1)}};
#endif
#if defined(__AVX512F__)
// Of a vector and a half. Lines of few rows use whole vectors, to keep the code small.
#define CNNX_PRODUCT_HALF(fetches, rows) product_tile<fetches, rows, 2, true>
#define CNNX_PRODUCTS_HALF(fetches)                                                         \
  CNNX_PRODUCT_6(fetches, 2), CNNX_PRODUCT_HALF(fetches, 7), CNNX_PRODUCT_HALF(fetches, 8), \
      CNNX_PRODUCT_HALF(fetches, 9), CNNX_PRODUCT_HALF(fetches, 10),                        \
      CNNX_PRODUCT_HALF(fetches, 11), CNNX_PRODUCT_HALF(fetches, 12),                       \
      CNNX_PRODUCT_HALF(fetches, 13), CNNX_PRODUCT_HALF(fetches, 14)
constexpr ProductTile kProductOfHalf[2][kRowsOfPairs] = {{CNNX_PRODUCTS_HALF(false)},
                                                         {CNNX_PRODUCTS_HALF(true)}};
#endif

// Outer sum ---------------------------------------------------------------------------------------

template <int kTaps, int kRun, int kVectors, bool kHalf = false>
void outer_tile(const OuterSum& s, FetchAhead ahead, const float* input, float* sums) {
  constexpr int kLast = kVectors - 1;
  const int64_t rest = s.columns - kLast * kLanes;
  const bool whole = rest == kLastLanes<kHalf>;
  Vector sum[kTaps][kRun][kVectors] = {};
  if (!s.fresh) {
    CNNX_UNROLL for (int t = 0; t < kTaps; ++t) CNNX_UNROLL for (int k = 0; k < kRun; ++k) {
      const float* held = sums + t * s.sums_tap_step + k * s.sums_step;
      CNNX_UNROLL for (int v = 0; v < kLast; ++v) sum[t][k][v] = load(held + v * kLanes);
      sum[t][k][kLast] = whole ? load_last<kHalf>(held + kLast * kLanes)
                               : load_partial(held + kLast * kLanes, rest);
    }
  }
  const int64_t pixel_step = s.pixel_step, gradient_step = s.gradient_pixel_step,
                tap_step = s.tap_step;
  for (int64_t n = 0; n < s.images; ++n) {
    for (int64_t i = 0; i < s.rows; ++i) {
      const float* x = input + n * s.image_step + i * s.row_step;
      const float* gradient = s.gradient + n * s.gradient_image_step + i * s.gradient_row_step;
      const float* const end = gradient + s.pixels * gradient_step;
      for (; gradient != end; gradient += gradient_step, x += pixel_step) {
        __builtin_prefetch(ahead.next, 0, 2);
        ahead.next += ahead.next < ahead.end ? kCacheLine<float> : 0;
        Vector grad[kVectors];
        CNNX_UNROLL for (int v = 0; v < kVectors; ++v) grad[v] = load(gradient + v * kLanes);
        CNNX_UNROLL for (int t = 0; t < kTaps; ++t) CNNX_UNROLL for (int k = 0; k < kRun; ++k) {
          const Vector value = broadcast(x[t * tap_step + k]);
          CNNX_UNROLL for (int v = 0; v < kLast; ++v) {
            sum[t][k][v] = fused_multiply_add(value, grad[v], sum[t][k][v]);
          }
          sum[t][k][kLast] = add_product<kHalf>(value, grad[kLast], sum[t][k][kLast]);
        }
      }
    }
  }
  if (kTaps == 1 && s.adds) {
    CNNX_UNROLL for (int k = 0; k < kRun; ++k) {
      const float* held = sums + k * s.sums_step;
      CNNX_UNROLL for (int v = 0; v < kLast; ++v) sum[0][k][v] += load(held + v * kLanes);
      sum[0][k][kLast] += whole ? load_last<kHalf>(held + kLast * kLanes)
                                : load_partial(held + kLast * kLanes, rest);
    }
  }
  CNNX_UNROLL for (int t = 0; t < kTaps; ++t) CNNX_UNROLL for (int k = 0; k < kRun; ++k) {
    float* target = sums + t * s.sums_tap_step + k * s.sums_step;
    CNNX_UNROLL for (int v = 0; v < kLast; ++v) store(target + v * kLanes, sum[t][k][v]);
    if (whole) {
      store_last<kHalf>(target + kLast * kLanes, sum[t][k][kLast]);
    } else {
      store_partial(target + kLast * kLanes, sum[t][k][kLast], rest);
    }
  }
}

using OuterTile = void (*)(const OuterSum&, FetchAhead, const float*, float*);
// Of so many taps and vectors, and whether the last vector is a half.
#define CNNX_OUTER_4(taps, ...)                                       \
  outer_tile<taps, 1, __VA_ARGS__>, outer_tile<taps, 2, __VA_ARGS__>, \
      outer_tile<taps, 3, __VA_ARGS__>, outer_tile<taps, 4, __VA_ARGS__>
#define CNNX_OUTER_6(taps, ...)                                      \
  CNNX_OUTER_4(taps, __VA_ARGS__), outer_tile<taps, 5, __VA_ARGS__>, \
      outer_tile<taps, 6, __VA_ARGS__>
#define CNNX_OUTER_7(taps, ...) CNNX_OUTER_6(taps, __VA_ARGS__), outer_tile<taps, 7, __VA_ARGS__>
#define CNNX_OUTER_12(taps, ...)                                           \
  CNNX_OUTER_7(taps, __VA_ARGS__), outer_tile<taps, 8, __VA_ARGS__>,       \
      outer_tile<taps, 9, __VA_ARGS__>, outer_tile<taps, 10, __VA_ARGS__>, \
      outer_tile<taps, 11, __VA_ARGS__>, outer_tile<taps, 12, __VA_ARGS__>
#define CNNX_OUTER_14(taps, ...)                                       \
  CNNX_OUTER_12(taps, __VA_ARGS__), outer_tile<taps, 13, __VA_ARGS__>, \
      outer_tile<taps, 14, __VA_ARGS__>

// tiles[taps - 1][run - 1], null if that many accumulators do not fit.
struct OuterTiles {
  int64_t longest[3];  // run, by taps
  const OuterTile* tiles[3];
};
#if defined(CNNX_32_REGISTERS)
constexpr OuterTile kPairs1[] = {CNNX_OUTER_14(1, 2)}, kPairs2[] = {CNNX_OUTER_7(2, 2)},
                    kPairs3[] = {CNNX_OUTER_4(3, 2)};
constexpr OuterTile kOne1[] = {CNNX_OUTER_14(1, 1)}, kOne2[] = {CNNX_OUTER_7(2, 1)},
                    kOne3[] = {CNNX_OUTER_7(3, 1)};
constexpr OuterTiles kOuterOfPairs = {{14, 7, 4}, {kPairs1, kPairs2, kPairs3}};
constexpr OuterTiles kOuterOfOne = {{14, 7, 7}, {kOne1, kOne2, kOne3}};
#else
constexpr OuterTile kPairs1[] = {CNNX_OUTER_6(1, 2)};
constexpr OuterTile kPairs2[] = {outer_tile<2, 1, 2>, outer_tile<2, 2, 2>, outer_tile<2, 3, 2>};
constexpr OuterTile kPairs3[] = {outer_tile<3, 1, 2>, outer_tile<3, 2, 2>};
constexpr OuterTile kOne1[] = {CNNX_OUTER_12(1, 1)}, kOne2[] = {CNNX_OUTER_6(2, 1)},
                    kOne3[] = {CNNX_OUTER_4(3, 1)};
constexpr OuterTiles kOuterOfPairs = {{6, 3, 2}, {kPairs1, kPairs2, kPairs3}};
constexpr OuterTiles kOuterOfOne = {{12, 6, 4}, {kOne1, kOne2, kOne3}};
#endif

#if defined(__AVX512F__)
constexpr OuterTile kHalf1[] = {CNNX_OUTER_14(1, 2, true)}, kHalf2[] = {CNNX_OUTER_7(2, 2, true)},
                    kHalf3[] = {CNNX_OUTER_4(3, 2, true)};
constexpr OuterTiles kOuterOfHalf = {{14, 7, 4}, {kHalf1, kHalf2, kHalf3}};
#endif

CNNX_INLINE const OuterTiles& outer_tiles([[maybe_unused]] int64_t columns, int64_t width) {
#if defined(__AVX512F__)
  if (width > kLanes && columns <= kLanes + kLanes / 2) return kOuterOfHalf;
#endif
  return width > kLanes ? kOuterOfPairs : kOuterOfOne;
}

}  // namespace

void multiply(const Product& p) {
  const Split rows = split(p.rows, p.width > kLanes ? kRowsOfPairs : kRowsOfOne);
  const bool fetches_panel = p.next_panel.next < p.next_panel.end;
  const bool fetches = p.next_input || p.next_output || fetches_panel;
  const ProductTile* tiles = p.width > kLanes ? kProductOfPairs[fetches] : kProductOfOne[fetches];
#if defined(__AVX512F__)
  if (p.width > kLanes && p.columns <= kLanes + kLanes / 2) tiles = kProductOfHalf[fetches];
#endif
  const bool relu = p.relu && !p.addend;
  // Adjacent columns of taps form one run.
  const bool contiguous = p.tap_column_step == p.run;
  const Walk joined = {contiguous ? 1 : p.taps_wide, contiguous ? p.taps_wide * p.run : p.run,
                       false, false, relu};
  const float* input = p.input;
  float* output = p.output;
  for (int64_t t = 0; t < rows.tiles; ++t) {
    const int64_t size = rows.items(t);
    Walk walk = joined;
    if ((p.zero_first && t == 0) || (p.zero_last && t == rows.tiles - 1)) {
      walk = {p.taps_wide, p.run, p.zero_first && t == 0, p.zero_last && t == rows.tiles - 1, relu};
    }
    Ahead ahead = {};
    if (p.next_input) {
      const float* const next = p.next_input + (input - p.input);
      ahead.read = {next, next + size * p.row_step};
    } else if (fetches_panel) {
      ahead.read = part_of(p.next_panel, t, rows.tiles);
    }
    if (p.next_output) {
      ahead.output = p.next_output + (output - p.output);
      ahead.output_end = ahead.output + size * p.output_step;
      ahead.output_step = p.output_step;
    }
    if (p.addend) fetch_addend(p, size, output);
    tiles[size - 1](p, walk, ahead, input, output);
    if (p.addend) add_to_tile(p, size, output);
    input += size * p.row_step;
    output += size * p.output_step;
  }
}

int64_t taps_at_once(int64_t taps, int64_t run, int64_t width) {
  for (int64_t most = 3; most > 1; --most) {
    if (taps >= most && run <= outer_tiles(width, width).longest[most - 1]) return most;
  }
  return 1;
}

int64_t longest_run() { return kRowsOfPairs; }

void add_outer_products(const OuterSum& s) {
  const OuterTiles& tiles = outer_tiles(s.columns, s.width);
  const Split runs = split(s.run, tiles.longest[s.taps - 1]);
  int64_t k = 0;
  for (int64_t t = 0; t < runs.tiles; ++t) {
    const int64_t run = runs.items(t);
    float* const sums = s.sums + k * s.sums_step;
    tiles.tiles[s.taps - 1][run - 1](s, fetch_with_tile(s, run, sums), s.input + k, sums);
    k += run;
  }
}

void pack_block(const float* source, int64_t depth, int64_t k_step, int64_t columns,
                int64_t column_step, int64_t width, float* panel) {
  if (column_step == 1) {
    pack_rows(source, depth, k_step, columns, width, panel);
  } else {
    pack_columns(source, depth, columns, column_step, width, panel);
  }
}

}  // namespace CNNX_ISA
}  // namespace cnnx
