// Strips of windows times panels of columns; with AMX, tiles of 16 windows times 16 columns.
#include "kernels/quantized_product.h"

#include "kernels/dot_products.h"
#include "kernels/quantized_finish.h"
#include "kernels/quantized_range.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Vectors of columns in a panel.
#if defined(CNNX_32_REGISTERS)
constexpr int kVectors = 4;
#else
constexpr int kVectors = 2;
#endif
constexpr int64_t kPanelColumns = kVectors * kLanes;

// A run takes whole groups of four bytes; tiles read sixteen groups at once.
#if defined(CNNX_TILES)
constexpr int64_t kQuadMultiple = 16;
#else
constexpr int64_t kQuadMultiple = 1;
#endif

constexpr int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
constexpr int64_t quads_of(int64_t run_bytes) {
  return round_up((run_bytes + 3) / 4, kQuadMultiple);
}
constexpr int64_t padded_columns(int64_t columns) { return round_up(columns, kLanes); }
constexpr int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr int64_t kHeaderBytes = 64;

// Packed weights: whether sums_fit_int32, multipliers, biases, then the panels one after the other,
// in each one run after the other.
struct Panels {
  const int32_t* sums_fit;
  const float* multiplier;
  const int32_t* bias;
  const uint8_t* weights;
  int64_t quads;  // of all runs

  Panels(const void* packed, int64_t run_count, int64_t run_bytes, int64_t columns)
      : sums_fit(static_cast<const int32_t*>(packed)),
        multiplier(
            reinterpret_cast<const float*>(static_cast<const uint8_t*>(packed) + kHeaderBytes)),
        bias(reinterpret_cast<const int32_t*>(multiplier + padded_columns(columns))),
        weights(reinterpret_cast<const uint8_t*>(bias + padded_columns(columns))),
        quads(run_count * quads_of(run_bytes)) {}
  int64_t offset(int64_t column) const { return column * quads * kBytesPerQuad; }
};

int64_t packed_bytes(int64_t run_count, int64_t run_bytes, int64_t columns) {
  return kHeaderBytes +
         padded_columns(columns) * (8 + run_count * quads_of(run_bytes) * kBytesPerQuad);
}

void pack(const QuantizedWeights& w, void* packed) {
  const Panels panels(packed, w.run_count, w.run_bytes, w.columns);
  const int64_t padded = padded_columns(w.columns), rows = w.run_count * w.run_bytes;
  *const_cast<int32_t*>(panels.sums_fit) =
      sums_fit_int32(w.values, rows, w.columns, w.bias, w.multiplier);
  for (int64_t c = 0; c < padded; ++c) {
    const_cast<float*>(panels.multiplier)[c] = c < w.columns ? w.multiplier[c] : 0.0f;
    const_cast<int32_t*>(panels.bias)[c] =
        c < w.columns ? start_of_sums(w.bias[c], w.values + c, rows, w.columns) : 0;
  }
  uint8_t* target = const_cast<uint8_t*>(panels.weights);
  for (int64_t first = 0; first < padded; first += kPanelColumns) {
    const int64_t end = lesser(first + kPanelColumns, padded);
    for (int64_t run = 0; run < w.run_count; ++run) {
      for (int64_t quad = 0; quad < quads_of(w.run_bytes); ++quad) {
        for (int64_t column = first; column < end; column += kLanes) {
          for (int64_t k = 0; k < 4; ++k) {
            const int64_t byte = quad * 4 + k;
            for (int64_t lane = 0; lane < kLanes; ++lane) {
              const bool inside = byte < w.run_bytes && column + lane < w.columns;
              const int64_t row = run * w.run_bytes + byte;
              put_weight(inside ? w.values[row * w.columns + column + lane] : int8_t{0}, k, lane,
                         target);
            }
          }
          target += kLanes * kBytesPerQuad;
        }
      }
    }
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx

#if defined(CNNX_TILES)
#include "kernels/quantized_product_tiles.h"
#else
#include "kernels/quantized_product_strips.h"
#endif

namespace cnnx {
namespace CNNX_ISA {

const QuantizedProductKernels quantized_product_kernels = {kPanelColumns, packed_bytes, pack, run};

}  // namespace CNNX_ISA
}  // namespace cnnx
