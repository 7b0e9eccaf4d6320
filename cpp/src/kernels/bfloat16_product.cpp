// Strips of windows times panels of columns; with AMX, tiles of 16 windows times 16 columns.
#include "kernels/bfloat16_product.h"

#include "kernels/bfloat16.h"
#include "kernels/bfloat16_finish.h"
#include "kernels/flush_denormals.h"
#include "kernels/quad.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Vectors of columns in a panel.
constexpr int kVectors = 2;
constexpr int64_t kPanelColumns = kVectors * kLanes;

// Elements of a block, and its weights of one column in units of 4 bytes: a float or two bfloat16.
constexpr int64_t kBlock = 32;
#if defined(CNNX_TILES) || defined(__AVX512BF16__)
constexpr int64_t kUnits = kBlock / 2;
#else
constexpr int64_t kUnits = kBlock;
#endif

constexpr int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t blocks_of(int64_t run_length) { return (run_length + kBlock - 1) / kBlock; }
constexpr int64_t vectors_of(int64_t columns) {
  return lesser(kVectors, (columns + kLanes - 1) / kLanes);
}

// A panel consists of blocks, each of which is units of vectors of columns, or with tiles vectors
// of units.
constexpr int64_t block_floats(int64_t vectors) { return kUnits * vectors * kLanes; }
CNNX_INLINE int64_t unit_offset(int64_t unit, int64_t vector, [[maybe_unused]] int64_t vectors) {
#if defined(CNNX_TILES)
  return (vector * kUnits + unit) * kLanes;
#else
  return (unit * vectors + vector) * kLanes;
#endif
}

int64_t packed_floats(int64_t run_count, int64_t run_length, int64_t columns) {
  return (columns + kLanes - 1) / kLanes * run_count * blocks_of(run_length) * block_floats(1);
}

// The weights of a block's elements, a row each.
typedef float BlockRows[kBlock][kPanelColumns];

// The floats, rounded to bfloat16, as bits whose lower halves are 0.
CNNX_INLINE UnsignedVector rounded_bits(const float* row) {
  return reinterpret_cast<UnsignedVector>(widened(rounded_to_words(load(row))));
}

// Unit number `unit` of a vector of columns. Two bfloat16 are those that the instruction expects:
// tiles add the products of a pair's lower and upper halves to the two chains, and VDPBF16PS adds
// first the upper half's, then the lower half's to one chain.
CNNX_INLINE UnsignedVector unit_of(const BlockRows& rows, int64_t unit, int64_t column) {
#if defined(CNNX_TILES)
  return rounded_bits(rows[2 * unit] + column) >> 16 | rounded_bits(rows[2 * unit + 1] + column);
#elif defined(__AVX512BF16__)
  const int64_t upper = unit / 2 * 4 + unit % 2;
  return rounded_bits(rows[upper + 2] + column) >> 16 | rounded_bits(rows[upper] + column);
#else
  return rounded_bits(rows[unit] + column);
#endif
}

// rows[k][c] = from[c * step + k].
void transpose(const float* from, int64_t step, int64_t elements, int64_t columns,
               float (*rows)[kPanelColumns]) {
  int64_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    int64_t k = 0;
    for (; k + 4 <= elements; k += 4)
      transpose_quad(from + c * step + k, step, rows[k] + c, kPanelColumns);
    for (; k < elements; ++k)
      for (int64_t i = c; i < c + 4; ++i) rows[k][i] = from[i * step + k];
  }
  for (; c < columns; ++c)
    for (int64_t k = 0; k < elements; ++k) rows[k][c] = from[c * step + k];
}

// The rows of the block that begins with the element `first` of a run.
void read_block(const Bfloat16Weights& w, const int64_t* taps, int64_t first, int64_t column,
                int64_t columns, BlockRows& rows) {
  const int64_t count = lesser(kBlock, w.run_taps * w.channels - first);
  for (int64_t done = 0; done < count;) {
    const int64_t tap = (first + done) / w.channels, channel = (first + done) % w.channels;
    const int64_t elements = lesser(count - done, w.channels - channel);
    const float* const from = w.values + taps[tap] + channel * w.row_step + column * w.column_step;
    if (w.column_step == 1) {
      for (int64_t k = 0; k < elements; ++k)
        memcpy(rows[done + k], from + k * w.row_step, static_cast<size_t>(4 * columns));
    } else {
      transpose(from, w.column_step, elements, columns, rows + done);
    }
    done += elements;
  }
  if (count < kBlock) memset(rows[count], 0, static_cast<size_t>(kBlock - count) * sizeof rows[0]);
}

void pack(const Bfloat16Weights& w, int64_t first_panel, int64_t last_panel, float* packed) {
  const int64_t run_length = w.run_taps * w.channels, blocks = blocks_of(run_length);
  // Columns of the last panel that do not exist stay 0.
  BlockRows rows = {};
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    const int64_t column = panel * kPanelColumns;
    const int64_t columns = lesser(kPanelColumns, w.columns - column);
    const int64_t vectors = vectors_of(columns);
    if (columns < kPanelColumns) memset(rows, 0, sizeof rows);
    float* target = packed + packed_floats(w.run_count, run_length, column);
    for (int64_t run = 0; run < w.run_count; ++run) {
      for (int64_t block = 0; block < blocks; ++block, target += block_floats(vectors)) {
        read_block(w, w.taps + run * w.run_taps, block * kBlock, column, columns, rows);
        for (int64_t unit = 0; unit < kUnits; ++unit) {
          for (int64_t v = 0; v < vectors; ++v) {
            store(target + unit_offset(unit, v, vectors),
                  reinterpret_cast<Vector>(unit_of(rows, unit, v * kLanes)));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx

#if defined(CNNX_TILES)
#include "kernels/bfloat16_product_tiles.h"
#else
#include "kernels/bfloat16_product_strips.h"
#endif

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <int vectors>
void run_panels(const Bfloat16Product& a, int64_t panel) {
  const int64_t column = panel * kPanelColumns;
  run_panel<vectors>(a, a.packed + packed_floats(a.run_count, a.run_length, column), column);
}

void run(const Bfloat16Product& a) {
  const FlushDenormals mode;
  const ProductState state(a);
  for (int64_t panel = a.first_panel; panel < a.last_panel; ++panel) {
    switch (vectors_of(a.columns - panel * kPanelColumns)) {
      case 1:
        run_panels<1>(a, panel);
        break;
      case 2:
        run_panels<2>(a, panel);
        break;
    }
  }
}

}  // namespace

const Bfloat16ProductKernels bfloat16_product_kernels = {kPanelColumns, packed_floats,
                                                         elements_beyond, pack, run};

}  // namespace CNNX_ISA
}  // namespace cnnx
