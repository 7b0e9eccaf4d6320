// AMX tiles of products of windows with weights. Included by kernel files only.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

constexpr int64_t kTileRows = 16, kTileBytes = 64;
constexpr int64_t kTileWindows = 2 * kTileRows;

// Tiles: sums 0 to 3, pixels 4 and 5, weights 6 and 7.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  // For pixels of so many windows, at most kTileWindows, of whose rows tiles have so many bytes, a
  // multiple of 4.
  explicit TileConfiguration(int64_t windows, int64_t pixel_bytes = kTileBytes) {
    const auto first = static_cast<uint8_t>(windows < kTileRows ? windows : kTileRows);
    const auto second = static_cast<uint8_t>(windows - first);
    for (int tile = 0; tile < 8; ++tile) {
      const bool weights = tile == 6 || tile == 7;
      const bool of_second = tile == 2 || tile == 3 || tile == 5;
      const bool pixels = tile == 4 || tile == 5;
      rows[tile] = weights ? static_cast<uint8_t>(pixel_bytes / 4) : of_second ? second : first;
      row_bytes[tile] =
          rows[tile] == 0 ? 0 : static_cast<uint16_t>(pixels ? pixel_bytes : kTileBytes);
    }
  }
};

// Stores tiles of sums of 4 bytes: rows of `vectors` vectors, those of the second tile of windows
// after those of the first.
template <int tiles, int vectors>
CNNX_INLINE void store_tiles(void* sums) {
  constexpr int64_t kRowBytes = vectors * kTileBytes;
  char* const first = static_cast<char*>(sums);
  char* const second = first + kTileRows * kRowBytes;
  _tile_stored(0, first, kRowBytes);
  if (vectors > 1) _tile_stored(1, first + kTileBytes, kRowBytes);
  if (tiles > 1) _tile_stored(2, second, kRowBytes);
  if (tiles > 1 && vectors > 1) _tile_stored(3, second + kTileBytes, kRowBytes);
}

CNNX_INLINE void prefetch_lines(const void* memory, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(static_cast<const char*>(memory) + at);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
