// The dense layer on the register tiles: divides the depth into blocks, packs a panel at a time,
// and keeps rows out of each other's cache sets.
#include "kernels/dense.h"

#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

int64_t blocks(int64_t columns) { return block_count(columns); }

// Rows at multiples of 1 KB share a few cache sets, too few for the rows of a tile.
CNNX_INLINE bool rows_collide(int64_t step) { return step % 256 == 0; }

// The k of one depth block of all rows, side by side.
const float* compact_rows(const float* input, int64_t rows, int64_t step, int64_t count,
                          float* copy) {
  for (int64_t r = 0; r < rows; ++r) {
    memcpy(copy + r * kDenseCopyStep, input + r * step, static_cast<size_t>(count) * sizeof(float));
  }
  return copy;
}

// With so few rows, packing does not pay: the weights are read once.
constexpr int64_t kFewRows = 3;

// 4 KB of a packed block.
constexpr int64_t kRowsAhead = 1024 / kBlockColumns;

// Some vectors of columns of one row. With kAhead, weights are prefetched into the first level.
template <int kVectors, bool kAhead = false>
void row_product(const DenseProduct& p, const float* input, int64_t column, int64_t last_lanes,
                 float* output) {
  constexpr int kLast = kVectors - 1;
  const bool whole = last_lanes == kLanes || p.panels;  // panels end in whole vectors
  const auto load_last = [&](const float* source) {
    return whole ? load(source) : load_partial(source, last_lanes);
  };
  const float* weight[kVectors];
  int64_t step[kVectors];
  CNNX_UNROLL for (int v = 0; v < kVectors; ++v) {
    const int64_t first = column + v * kLanes;
    weight[v] = p.weight + first;
    step[v] = p.k_step;
    if (p.panels) {
      const ColumnBlock block = column_block(p.columns, first / kBlockColumns);
      weight[v] = p.panels + p.depth * block.begin + first - block.begin;
      step[v] = block.width;
    }
  }
  Vector sum[kVectors] = {};
  const float* start = p.bias ? p.bias + column : p.accumulate ? output + column : nullptr;
  if (start) {
    CNNX_UNROLL for (int v = 0; v < kLast; ++v) sum[v] = load(start + v * kLanes);
    const float* last = start + kLast * kLanes;
    sum[kLast] = last_lanes == kLanes ? load(last) : load_partial(last, last_lanes);
  }
  for (int64_t k = 0; k < p.depth; ++k) {
    const Vector value = broadcast(input[k]);
    CNNX_UNROLL for (int v = 0; v < kLast; ++v) {
      if constexpr (kAhead) __builtin_prefetch(weight[v] + kRowsAhead * step[v]);
      sum[v] = fused_multiply_add(value, load(weight[v]), sum[v]);
      weight[v] += step[v];
    }
    if constexpr (kAhead) __builtin_prefetch(weight[kLast] + kRowsAhead * step[kLast]);
    sum[kLast] = fused_multiply_add(value, load_last(weight[kLast]), sum[kLast]);
    weight[kLast] += step[kLast];
  }
  CNNX_UNROLL for (int v = 0; v < kLast; ++v) store(output + column + v * kLanes, sum[v]);
  if (last_lanes == kLanes) {
    store(output + column + kLast * kLanes, sum[kLast]);
  } else {
    store_partial(output + column + kLast * kLanes, sum[kLast], last_lanes);
  }
}

using RowProduct = void (*)(const DenseProduct&, const float*, int64_t, int64_t, float*);
constexpr int kMostRowVectors = 8;
constexpr RowProduct kRowProducts[kMostRowVectors] = {
    row_product<1>, row_product<2>, row_product<3>, row_product<4>,
    row_product<5>, row_product<6>, row_product<7>, row_product<8>};
// For blocks too long for a second-level cache to hold from one call to the next. On Zen 5, what
// the CPU prefetches by itself takes a fifth longer.
constexpr RowProduct kLongRowProducts[] = {row_product<1, true>, row_product<2, true>};
static_assert(sizeof kLongRowProducts == kBlockVectors * sizeof(RowProduct));

// The most weights of a strip wider than a block: a part of a second-level cache, so that whole
// strips are still cached when the same weights are read again from the other end.
constexpr int64_t kStripFloats = 128 * 1024;

// Strips are as wide as possible: their vectors are the chains that hide the latency of an
// addition. All rows use a strip before the next.
void multiply_few_rows(const DenseProduct& p) {
  const int64_t first = p.first_block * kBlockColumns;
  const int64_t last =
      p.last_block * kBlockColumns < p.columns ? p.last_block * kBlockColumns : p.columns;
  const int64_t fitting = kStripFloats / (p.depth * kBlockColumns) * kBlockVectors;
  const bool is_long = fitting < kBlockVectors;
  const RowProduct* const products = is_long ? kLongRowProducts : kRowProducts;
  const int64_t strip_vectors = is_long                     ? kBlockVectors
                                : fitting > kMostRowVectors ? kMostRowVectors
                                                            : fitting;
  const int64_t strip = strip_vectors * kLanes, strips = (last - first + strip - 1) / strip;
  for (int64_t i = 0; i < strips; ++i) {
    const int64_t column = first + (p.last_columns_first ? strips - 1 - i : i) * strip;
    const int64_t columns = last - column < strip ? last - column : strip;
    const int64_t vectors = (columns + kLanes - 1) / kLanes;
    for (int64_t r = 0; r < p.rows; ++r) {
      products[vectors - 1](p, p.input + r * p.input_step, column, columns - (vectors - 1) * kLanes,
                            p.output + r * p.output_step);
    }
  }
}

// One depth block for one block of rows: `input` and `output` point to its first row and first k.
void multiply_cut(const DenseProduct& p, const float* input, int64_t rows, int64_t k, int64_t count,
                  float* output) {
  float* const panel = p.scratch;
  Product product = {};
  product.rows = rows;
  product.input = input;
  product.row_step = p.input_step;
  if (rows_collide(p.input_step)) {
    product.input = compact_rows(input, rows, p.input_step, count, p.scratch + kDensePanelFloats);
    product.row_step = kDenseCopyStep;
  }
  product.taps_high = product.taps_wide = 1;
  product.run = count;
  product.panel = panel;
  product.output_step = p.output_step;
  // More weights exceed a third-level cache. Of those in it, the CPU prefetches the long panels.
  constexpr int64_t kCachedWeights = 8 * 1024 * 1024;
  const bool fetches = p.depth * p.columns > kCachedWeights;
  for (int64_t b = p.first_block; b < p.last_block; ++b) {
    const ColumnBlock block = column_block(p.columns, b);
    if (p.panels) {
      product.panel = p.panels + p.depth * block.begin + k * block.width;
      const float* const next = product.panel + p.depth * block.width;
      const bool fetches_next = fetches && b + 1 < p.last_block;
      product.next_panel = {next, fetches_next ? next + count * block.width : next};
    } else {
      pack_block(p.weight + k * p.k_step + block.begin * p.column_step, count, p.k_step,
                 block.columns, p.column_step, block.width, panel);
    }
    alignas(64) float start[kBlockColumns] = {};
    if (p.bias)
      memcpy(start, p.bias + block.begin, static_cast<size_t>(block.columns) * sizeof(float));
    product.start = k == 0 && !p.accumulate ? start : nullptr;
    product.output = output + block.begin;
    product.columns = block.columns;
    product.width = block.width;
    multiply(product);
  }
}

void pack(const DenseProduct& p, float* panels) {
  for (int64_t b = p.first_block; b < p.last_block; ++b) {
    const ColumnBlock block = column_block(p.columns, b);
    pack_block(p.weight + block.begin * p.column_step, p.depth, p.k_step, block.columns,
               p.column_step, block.width, panels + p.depth * block.begin);
  }
}

// input (rows, depth) x weight (depth, columns) -> output (rows, columns)
void multiply_dense(const DenseProduct& p) {
  if (p.rows <= kFewRows && p.column_step == 1) return multiply_few_rows(p);
  const int64_t cuts = (p.depth + kDenseDepth - 1) / kDenseDepth;
  for (int64_t row = 0; row < p.rows; row += kDenseRows) {
    const int64_t rows = p.rows - row < kDenseRows ? p.rows - row : kDenseRows;
    for (int64_t cut = 0; cut < cuts; ++cut) {
      const int64_t k = p.depth * cut / cuts;
      multiply_cut(p, p.input + row * p.input_step + k, rows, k, p.depth * (cut + 1) / cuts - k,
                   p.output + row * p.output_step);
    }
  }
}

// input (rows, in_features) x grad_output (rows, columns) -> gradient (in_features, columns)
void weight_gradient(const DenseWeightGradient& g) {
  float* const panel = g.scratch;
  float* const copy = g.scratch + kDensePanelFloats;
  for (int64_t row = 0; row < g.rows; row += kDenseRows) {
    const int64_t rows = g.rows - row < kDenseRows ? g.rows - row : kDenseRows;
    for (int64_t k = g.first; k < g.last; k += kDenseDepth) {
      OuterSum sum = {};
      sum.run = g.last - k < kDenseDepth ? g.last - k : kDenseDepth;
      sum.input = g.input + row * g.input_step + k;
      sum.pixel_step = g.input_step;
      if (rows_collide(g.input_step)) {
        sum.input = compact_rows(sum.input, rows, g.input_step, sum.run, copy);
        sum.pixel_step = kDenseCopyStep;
      }
      sum.images = sum.rows = sum.taps = 1;
      sum.pixels = rows;
      sum.gradient = panel;
      sum.fresh = row == 0 && !g.accumulate;
      sum.sums_step = g.columns;
      for (int64_t b = 0; b < block_count(g.columns); ++b) {
        const ColumnBlock block = column_block(g.columns, b);
        pack_block(g.grad_output + row * g.columns + block.begin, rows, g.columns, block.columns, 1,
                   block.width, panel);
        sum.sums = g.gradient + k * g.columns + block.begin;
        sum.columns = block.columns;
        sum.width = sum.gradient_pixel_step = block.width;
        add_outer_products(sum);
      }
    }
  }
}

}  // namespace

const DenseKernels dense_kernels = {blocks, kBlockColumns, pack, multiply_dense};
const DenseGradientKernels dense_gradient_kernels = {weight_gradient, add_bias_gradient,
                                                     reduce_bias_gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
