// Dot products of bytes on registers; with AMX, on tiles.
#include "kernels/integer_peak.h"

#include "kernels/dot_products.h"
#include "kernels/simd.h"
#if defined(CNNX_TILES)
#include "kernels/amx_tiles.h"
#endif

namespace cnnx {
namespace CNNX_ISA {
namespace {

#if defined(CNNX_TILES)

// Four sums, as many as a product of 32 windows and 32 columns has.
int64_t run(int64_t rounds, int32_t* result) {
  const TileConfiguration whole(kTileWindows);
  _tile_loadconfig(&whole);
  alignas(64) int32_t values[kTileRows * kTileBytes / 4] = {};
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, values, kTileBytes);
  _tile_loadd(5, values, kTileBytes);
  _tile_loadd(6, values, kTileBytes);
  _tile_loadd(7, values, kTileBytes);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, values, kTileBytes);
  _tile_release();
  *result = values[0];
  return rounds * 4 * kTileRows * kTileRows * kTileBytes * 2;
}

#else

// A dot product takes 5 cycles and two start per cycle. Without an instruction for it, a chain is
// two additions of one cycle each, and the products take some of 16 registers.
#if defined(CNNX_DOT_PRODUCTS) || defined(CNNX_32_REGISTERS)
constexpr int kChains = 12;
#else
constexpr int kChains = 8;
#endif

// Pixels that the compiler takes for new ones, so that it computes the same products again.
CNNX_INLINE Pixels as_new(Pixels pixels) {
  constexpr int kParts = sizeof(Pixels) / sizeof(IntVector);
  IntVector parts[kParts];
  memcpy(parts, &pixels, sizeof pixels);
  CNNX_UNROLL for (int i = 0; i < kParts; ++i) {
#if defined(__AVX512F__)
    __asm__("" : "+v"(parts[i]));
#elif defined(__SSE2__)
    __asm__("" : "+x"(parts[i]));
#elif defined(__aarch64__)
    __asm__("" : "+w"(parts[i]));
#endif
  }
  memcpy(&pixels, parts, sizeof pixels);
  return pixels;
}

int64_t run(int64_t rounds, int32_t* result) {
  // Of the caller, so that the compiler does not know the products.
  uint8_t weight[kBytesPerQuad * kLanes];
  memset(weight, *result, sizeof weight);
  const Weights weights = load_weights(weight);
  Pixels pixels = pixels_of(IntVector{});
  IntVector chain[kChains];
  CNNX_UNROLL for (int i = 0; i < kChains; ++i) chain[i] = broadcast_integer(i);
  for (int64_t r = 0; r < rounds; ++r) {
    CNNX_UNROLL for (int i = 0; i < kChains; ++i) {
      pixels = as_new(pixels);
      chain[i] = add_dot_product(chain[i], pixels, weights);
    }
  }
  IntVector sum = chain[0];
  CNNX_UNROLL for (int i = 1; i < kChains; ++i) sum += chain[i];
  *result = sum[0];
  return rounds * kChains * kLanes * 4 * 2;
}

#endif

}  // namespace

const IntegerPeakKernels integer_peak_kernels = {run};

}  // namespace CNNX_ISA
}  // namespace cnnx
