// Products of bfloat16 in registers: a strip of windows times the vectors of a panel. Included by
// bfloat16_product.cpp only.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace cnnx {
namespace CNNX_ISA {
namespace {

struct ProductState {
  ProductState() {}
};

// Windows of a strip: one chain each per vector of a panel, a vector of weights each and a
// broadcast pixel fill the registers.
#if defined(CNNX_32_REGISTERS) || defined(CNNX_HAS_FMA)
constexpr int kStrip = 6;
#else
constexpr int kStrip = 4;
#endif

// A block of a window in units, which are broadcast; the factors of weights of the same number.
typedef uint32_t BlockPixels[kUnits];

#if defined(__AVX512BF16__)
// The words 0, 1, 2, 3 of every four as 2, 0, 3, 1: a unit of the even chain, then one of the odd.
CNNX_INLINE void widen_block(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  const __mmask32 elements = count < kBlock ? (1u << count) - 1u : ~0u;
  const __m512i order = _mm512_broadcast_i32x4(
      _mm_setr_epi8(4, 5, 0, 1, 6, 7, 2, 3, 12, 13, 8, 9, 14, 15, 10, 11));
  const __m512i words = _mm512_maskz_loadu_epi16(elements, source);
  _mm512_storeu_si512(pixels, _mm512_shuffle_epi8(words, order));
}
#else
CNNX_INLINE void widen_block(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  uint16_t words[kBlock] = {};
  if (count < kBlock) {
    memcpy(words, source, static_cast<size_t>(2 * count));
    source = words;
  }
  for (int64_t unit = 0; unit < kUnits; ++unit)
    pixels[unit] = static_cast<uint32_t>(source[unit]) << 16;
}
#endif

// Adds the products of one unit to a chain.
CNNX_INLINE Vector multiply_add(Vector chain, uint32_t pixel, Vector weights) {
  const UnsignedVector pixels = pixel - UnsignedVector{};
#if defined(__AVX512BF16__)
  return _mm512_dpbf16_ps(chain, reinterpret_cast<__m512bh>(pixels),
                          reinterpret_cast<__m512bh>(weights));
#else
  return fused_multiply_add(weights, reinterpret_cast<Vector>(pixels), chain);
#endif
}

template <int windows, int vectors>
struct StripSums {
  Vector of[windows][vectors];
};

// One chain of a block.
template <int windows, int vectors>
CNNX_INLINE StripSums<windows, vectors> chain_of(const BlockPixels* pixels, int64_t first_unit,
                                                 const float* weights) {
  StripSums<windows, vectors> chain = {};
  for (int64_t unit = first_unit; unit < kUnits; unit += 2) {
    Vector held_weights[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) held_weights[v] =
        held(load(weights + unit_offset(unit, v, vectors)));
    CNNX_UNROLL for (int p = 0; p < windows; ++p) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) chain.of[p][v] =
          multiply_add(chain.of[p][v], pixels[p][unit], held_weights[v]);
    }
  }
  return chain;
}

// The windows of a strip of outputs that begins with the output `first`; those before `stored` are
// stored already.
template <int windows, int vectors>
CNNX_INLINE void run_strip(const Bfloat16Product& a, const Bfloat16Finish<vectors>& finish,
                           const float* weights, int64_t first, int64_t stored) {
  const uint16_t* sources[windows];
  int64_t row = first / a.row_outputs, in_row = first % a.row_outputs;
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    sources[p] = a.source + (row * a.row_windows + in_row) * a.window_step;
    if (++in_row == a.row_outputs) in_row = 0, ++row;
  }
  StripSums<windows, vectors> sums = {};
  BlockPixels pixels[windows];
  for (int64_t run = 0; run < a.run_count; ++run) {
    for (int64_t at = 0; at < a.run_length; at += kBlock, weights += block_floats(vectors)) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) {
        widen_block(sources[p] + a.runs[run] + at, lesser(kBlock, a.run_length - at), pixels[p]);
      }
      const StripSums<windows, vectors> even = chain_of<windows, vectors>(pixels, 0, weights);
      const StripSums<windows, vectors> odd =
          chain_of<windows, vectors>(pixels, 1, weights);
      CNNX_UNROLL for (int p = 0; p < windows; ++p) {
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) sums.of[p][v] += even.of[p][v] + odd.of[p][v];
      }
    }
  }
  float finished[windows][vectors * kLanes];
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) store(finished[p] + v * kLanes, sums.of[p][v]);
  }
  // Outputs, not windows.
  OutputPlace place{stored / a.row_outputs, stored % a.row_outputs};
  for (int64_t p = stored - first; p < windows;) {
    const int64_t count = lesser(windows - p, a.row_outputs - place.in_row);
    finish.store_windows(finished[p], count, place.row, place.in_row);
    p += count;
    place = {place.row + 1, 0};
  }
}

template <int vectors>
__attribute__((noinline)) void run_panel(const Bfloat16Product& a, const float* weights,
                                         int64_t column) {
  const Bfloat16Finish<vectors> finish(a.epilogue, column, a.columns);
  const int64_t rows = (a.windows - a.row_outputs) / a.row_windows + 1;
  const int64_t outputs = rows * a.row_outputs;
  if (outputs < kStrip) {
    for (int64_t output = 0; output < outputs; ++output)
      run_strip<1, vectors>(a, finish, weights, output, output);
    return;
  }
  // The last strip ends with the last output, and begins with some that are stored already.
  for (int64_t stored = 0; stored < outputs; stored += kStrip)
    run_strip<kStrip, vectors>(a, finish, weights, lesser(stored, outputs - kStrip), stored);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
