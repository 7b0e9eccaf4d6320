// Quantized products in AMX tiles: 32 windows times 32 columns. Included by quantized_product.cpp
// only.
#pragma once

#include "kernels/amx_tiles.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The weights of a block are read from here on while earlier ones are multiplied.
constexpr int64_t kPrefetchedBytes = 8 * 1024;

// The place of a window's output, as windows go by.
struct Place {
  int64_t window_in_row = 0, output = 0;

  // Whether this window is stored; goes on to the next.
  CNNX_INLINE bool next(int64_t row_windows, int64_t row_outputs, int64_t& index) {
    const bool stored = window_in_row < row_outputs;
    index = output;
    output += stored;
    if (++window_in_row == row_windows) window_in_row = 0;
    return stored;
  }
};

// The sums of a block, from which outputs are made while the tiles compute the next block.
template <int vectors>
class TileOutputs {
 public:
  TileOutputs(const QuantizedProduct& product, const Finish& finish, int64_t column)
      : product_(product), finish_(finish), column_(column) {}

  // For the sums of a block of windows.
  int32_t* next_sums(int64_t windows) {
    store(windows_);
    windows_ = windows;
    stored_ = 0;
    current_ = 1 - current_;
    return sums_[current_][0];
  }
  int64_t windows() const { return windows_; }
  // Stores the outputs of the block's windows up to number `end`. The copies stay in registers,
  // because no byte that is stored can be part of them.
  CNNX_INLINE void store(int64_t end) {
    const int64_t last = lesser(end, windows_), columns = product_.columns, column = column_;
    const int64_t row_outputs = product_.row_outputs, row_windows = product_.row_windows;
    const Finish finish = finish_;
    Place place = place_;
    const int32_t* sums = sums_[current_][stored_];
    for (int64_t i = stored_; i < last; ++i, sums += vectors * kLanes) {
      int64_t index;
      if (!place.next(row_windows, row_outputs, index)) continue;
      IntVector loaded[vectors];
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) loaded[v] = load_integers(sums + v * kLanes);
      finish.store_window<vectors>(loaded, index * columns + column, column, columns - column);
    }
    place_ = place;
    if (last > stored_) stored_ = last;
  }

 private:
  const QuantizedProduct& product_;
  const Finish& finish_;
  int64_t column_, windows_ = 0, stored_ = 0;
  int current_ = 0;
  Place place_;
  alignas(64) int32_t sums_[2][kTileWindows][vectors * kLanes];
};

// The weights of `vectors` tiles of columns, in a panel with so many bytes per quad.
struct TileWeights {
  const uint8_t* values;
  int64_t step;
  const int32_t* bias;
};

// Computes `tiles` tiles of windows, and stores the outputs of the block before.
template <int tiles, int vectors>
CNNX_INLINE void run_tiles(const QuantizedProduct& a, const uint8_t* source,
                           const TileWeights& weights, int64_t windows, bool first_block,
                           TileOutputs<vectors>& outputs) {
  _tile_loadd(0, weights.bias, 0);
  if (vectors > 1) _tile_loadd(1, weights.bias + kLanes, 0);
  if (tiles > 1) _tile_loadd(2, weights.bias, 0);
  if (tiles > 1 && vectors > 1) _tile_loadd(3, weights.bias + kLanes, 0);
  const int64_t steps = quads_of(a.run_bytes) / kTileRows;
  const int64_t share = outputs.windows() / (steps * a.run_count) + 1;  // windows of a step
  const int64_t weight_bytes = kTileRows * weights.step;
  const uint8_t* const second = source + kTileRows * a.window_step;
  const uint8_t* values = weights.values;
  int64_t stored = 0;
  for (int64_t run = 0; run < a.run_count; ++run) {
    for (int64_t step = 0; step < steps; ++step, values += weight_bytes) {
      const int64_t at = a.runs[run] + step * kTileBytes;
      _tile_loadd(6, values, weights.step);
      _tile_loadd(4, source + at, a.window_step);
      _tile_dpbusd(0, 4, 6);
      if (vectors > 1) {
        _tile_loadd(7, values + kTileBytes, weights.step);
        _tile_dpbusd(1, 4, 7);
      }
      if (tiles > 1) {
        _tile_loadd(5, second + at, a.window_step);
        _tile_dpbusd(2, 5, 6);
        if (vectors > 1) _tile_dpbusd(3, 5, 7);
      }
      if (first_block) prefetch_lines(values + kPrefetchedBytes, weight_bytes);
      outputs.store(stored += share);
    }
  }
  store_tiles<tiles, vectors>(outputs.next_sums(windows));
}

template <int vectors>
void run_columns(const QuantizedProduct& a, const Panels& panels, const TileWeights& weights,
                 int64_t column) {
  const Finish finish(a.epilogue, panels.multiplier, *panels.sums_fit);
  TileOutputs<vectors> outputs(a, finish, column);
  int64_t window = 0;
  for (; window + kTileWindows <= a.windows; window += kTileWindows) {
    run_tiles<2, vectors>(a, a.source + window * a.window_step, weights, kTileWindows, window == 0,
                          outputs);
  }
  if (const int64_t rest = a.windows - window; rest > 0) {
    const uint8_t* const source = a.source + window * a.window_step;
    const TileConfiguration last(rest);
    _tile_loadconfig(&last);
    if (rest > kTileRows) {
      run_tiles<2, vectors>(a, source, weights, rest, window == 0, outputs);
    } else {
      run_tiles<1, vectors>(a, source, weights, rest, window == 0, outputs);
    }
    const TileConfiguration whole(kTileWindows);
    _tile_loadconfig(&whole);
  }
  outputs.store(kTileWindows);
}

void run(const QuantizedProduct& a) {
  const Panels panels(a.packed, a.run_count, a.run_bytes, a.columns);
  const TileConfiguration whole(kTileWindows);
  _tile_loadconfig(&whole);
  for (int64_t panel = a.first_panel; panel < a.last_panel; ++panel) {
    const int64_t first = panel * kPanelColumns;
    const int64_t end = lesser(first + kPanelColumns, padded_columns(a.columns));
    const int64_t step = (end - first) * kBytesPerQuad;
    for (int64_t column = first; column < end; column += 2 * kLanes) {
      const uint8_t* const values =
          panels.weights + panels.offset(first) + (column - first) * kBytesPerQuad;
      const TileWeights weights{values, step, panels.bias + column};
      if (end - column > kLanes) {
        run_columns<2>(a, panels, weights, column);
      } else {
        run_columns<1>(a, panels, weights, column);
      }
    }
  }
  _tile_release();
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
