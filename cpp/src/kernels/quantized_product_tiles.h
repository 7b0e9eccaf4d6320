// Quantized products in AMX tiles: 32 windows times 32 columns. Included by quantized_product.cpp
// only.
#pragma once

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr int64_t kTileRows = 16, kTileBytes = 64;

// Tiles: sums 0 to 3, pixels 4 and 5, weights 6 and 7.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  // For pixels of so many windows, at most 32.
  explicit TileConfiguration(int64_t windows) {
    const auto first = static_cast<uint8_t>(lesser(windows, kTileRows));
    const auto second = static_cast<uint8_t>(windows - first);
    for (int tile = 0; tile < 8; ++tile) {
      rows[tile] = tile == 6 || tile == 7                ? kTileRows
                   : tile == 2 || tile == 3 || tile == 5 ? second
                                                         : first;
      row_bytes[tile] = rows[tile] > 0 ? kTileBytes : 0;
    }
  }
};

struct TileSums {
  alignas(64) int32_t values[2 * kTileRows][2 * kLanes];
};

// `pairs`: two tiles of windows, or one; `vectors`: tiles of columns.
template <int tiles, int vectors>
CNNX_INLINE void run_tiles(const QuantizedProduct& a, const uint8_t* source, const uint8_t* weights,
                           int64_t weight_step, const int32_t* bias, TileSums& sums) {
  _tile_loadd(0, bias, 0);
  if (vectors > 1) _tile_loadd(1, bias + kLanes, 0);
  if (tiles > 1) _tile_loadd(2, bias, 0);
  if (tiles > 1 && vectors > 1) _tile_loadd(3, bias + kLanes, 0);
  const int64_t steps = quads_of(a.run_bytes) / kTileRows;
  const uint8_t* const second = source + kTileRows * a.window_step;
  for (int64_t run = 0; run < a.run_count; ++run) {
    for (int64_t step = 0; step < steps; ++step, weights += kTileRows * weight_step) {
      const int64_t at = a.runs[run] + step * kTileBytes;
      _tile_loadd(6, weights, weight_step);
      _tile_loadd(4, source + at, a.window_step);
      _tile_dpbusd(0, 4, 6);
      if (vectors > 1) {
        _tile_loadd(7, weights + kTileBytes, weight_step);
        _tile_dpbusd(1, 4, 7);
      }
      if (tiles > 1) {
        _tile_loadd(5, second + at, a.window_step);
        _tile_dpbusd(2, 5, 6);
        if (vectors > 1) _tile_dpbusd(3, 5, 7);
      }
    }
  }
  constexpr int64_t kRowStep = sizeof sums.values[0];
  _tile_stored(0, sums.values[0], kRowStep);
  if (vectors > 1) _tile_stored(1, sums.values[0] + kLanes, kRowStep);
  if (tiles > 1) _tile_stored(2, sums.values[kTileRows], kRowStep);
  if (tiles > 1 && vectors > 1) _tile_stored(3, sums.values[kTileRows] + kLanes, kRowStep);
}

template <int vectors>
void store_tiles(const QuantizedProduct& a, const Finish& finish, const TileSums& sums,
                 int64_t windows, int64_t column, Place& place) {
  for (int64_t p = 0; p < windows; ++p) {
    int64_t index;
    if (!place.next(a, index)) continue;
    IntVector vector[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) vector[v] =
        load_integers(sums.values[p] + v * kLanes);
    finish.store_window<vectors>(vector, index * a.columns + column, column, a.columns - column);
  }
}

// `vectors` tiles of columns from `column` on, of a panel with so many bytes per quad.
template <int vectors>
void run_columns(const QuantizedProduct& a, const Panels& panels, const uint8_t* weights,
                 int64_t weight_step, int64_t column) {
  const Finish finish(a.epilogue, panels.multiplier);
  const int32_t* const bias = panels.bias + column;
  TileSums sums;
  Place place;
  int64_t window = 0;
  constexpr int64_t kBlock = 2 * kTileRows;
  for (; window + kBlock <= a.windows; window += kBlock) {
    run_tiles<2, vectors>(a, a.source + window * a.window_step, weights, weight_step, bias, sums);
    store_tiles<vectors>(a, finish, sums, kBlock, column, place);
  }
  const int64_t rest = a.windows - window;
  if (rest == 0) return;
  const uint8_t* const source = a.source + window * a.window_step;
  const TileConfiguration last(rest);
  _tile_loadconfig(&last);
  if (rest > kTileRows) {
    run_tiles<2, vectors>(a, source, weights, weight_step, bias, sums);
  } else {
    run_tiles<1, vectors>(a, source, weights, weight_step, bias, sums);
  }
  store_tiles<vectors>(a, finish, sums, rest, column, place);
  const TileConfiguration whole(kBlock);
  _tile_loadconfig(&whole);
}

void run(const QuantizedProduct& a) {
  const Panels panels(a.packed, a.run_count, a.run_bytes, a.columns);
  const TileConfiguration whole(2 * kTileRows);
  _tile_loadconfig(&whole);
  for (int64_t panel = a.first_panel; panel < a.last_panel; ++panel) {
    const int64_t first = panel * kPanelColumns;
    const int64_t end = lesser(first + kPanelColumns, padded_columns(a.columns));
    const int64_t weight_step = (end - first) * kBytesPerQuad;
    for (int64_t column = first; column < end; column += 2 * kLanes) {
      const uint8_t* const weights =
          panels.weights + panels.offset(first) + (column - first) * kBytesPerQuad;
      if (end - column > kLanes) {
        run_columns<2>(a, panels, weights, weight_step, column);
      } else {
        run_columns<1>(a, panels, weights, weight_step, column);
      }
    }
  }
  _tile_release();
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
