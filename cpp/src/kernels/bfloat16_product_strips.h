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

// Windows of a strip of so many vectors. With 32 registers both chains of all of these are computed
// at once, and they, the sums, the weights of two units and the pixels fill the registers.
#if defined(CNNX_32_REGISTERS)
constexpr int kChainsAtOnce = 2;
constexpr int windows_of(int vectors) { return 8 / vectors; }
#elif defined(CNNX_HAS_FMA)
constexpr int kChainsAtOnce = 1;
constexpr int windows_of(int) { return 6; }
#else
constexpr int kChainsAtOnce = 1;
constexpr int windows_of(int) { return 4; }
#endif

#if defined(__AVX512BF16__)
// A block of a window: its words in memory, of which every four are read at once, or a copy whose
// last four are completed. A store takes as long as two products.
struct BlockPixels {
  const uint16_t* words;
  uint16_t completed[kBlock];
};
CNNX_INLINE void read_block(const uint16_t* source, BlockPixels& pixels) { pixels.words = source; }
CNNX_INLINE void read_some(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  pixels.words = source;
  if (count % 4 == 0) return;
  _mm512_storeu_si512(pixels.completed, _mm512_maskz_loadu_epi16((1u << count) - 1u, source));
  pixels.words = pixels.completed;
}
// The words 0, 1, 2, 3 of every four as 2, 0, a unit of the even chain, and 3, 1, one of the odd.
template <int chain>
CNNX_INLINE UnsignedVector pixels_of(const BlockPixels& pixels, int64_t unit) {
  constexpr int kPair = chain == 0 ? 0x01000504 : 0x03020706;
  int64_t words;
  memcpy(&words, pixels.words + 2 * (unit - chain), sizeof words);
  return reinterpret_cast<UnsignedVector>(
      _mm512_shuffle_epi8(_mm512_set1_epi64(words), _mm512_set1_epi32(kPair)));
}
#else
// A block of a window in units, which are broadcast.
typedef uint32_t BlockPixels[kUnits];
CNNX_INLINE void read_block(const uint16_t* source, BlockPixels& pixels) {
  for (int64_t unit = 0; unit < kUnits; ++unit)
    pixels[unit] = static_cast<uint32_t>(source[unit]) << 16;
}
CNNX_INLINE void read_some(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  uint16_t words[kBlock] = {};
  memcpy(words, source, static_cast<size_t>(2 * count));
  read_block(words, pixels);
}
template <int chain>
CNNX_INLINE UnsignedVector pixels_of(const BlockPixels& pixels, int64_t unit) {
  return pixels[unit] - UnsignedVector{};
}
#endif

// Adds the products of one unit to a chain.
CNNX_INLINE Vector multiply_add(Vector chain, UnsignedVector pixels, Vector weights) {
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

// Units of a block that has so many elements of the window; the others multiply zeros.
constexpr int64_t units_of(int64_t elements) {
  constexpr int64_t kElements = 2 * kBlock / kUnits;  // of a unit of each chain
  return (elements + kElements - 1) / kElements * 2;
}

// One of the two chains of a block for each window and vector, or both.
template <int chain, int windows, int vectors>
CNNX_INLINE void add_units(const BlockPixels* pixels, int64_t units, const float* weights,
                           StripSums<windows, vectors> (&chains)[2]) {
  for (int64_t unit = chain; unit < units; unit += 2) {
    Vector held_weights[kChainsAtOnce][vectors];
    CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) held_weights[c][v] =
          held(load(weights + unit_offset(unit + c, v, vectors)));
    }
    CNNX_UNROLL for (int p = 0; p < windows; ++p) {
      const UnsignedVector first = pixels_of<chain>(pixels[p], unit);
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) chains[chain].of[p][v] =
          multiply_add(chains[chain].of[p][v], first, held_weights[0][v]);
      if constexpr (kChainsAtOnce == 2) {
        const UnsignedVector second = pixels_of<1>(pixels[p], unit + 1);
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) chains[1].of[p][v] =
            multiply_add(chains[1].of[p][v], second, held_weights[1][v]);
      }
    }
  }
}

// Adds a block's chains to the sums. The units of a block that is not whole are multiplied up to
// `last_unit`. Products of zeros would only turn a chain of -0, which was a denormal, into +0;
// adding 0 to both chains does the same.
template <bool whole, int windows, int vectors>
CNNX_INLINE void add_block(const BlockPixels* pixels, int64_t last_unit, const float* weights,
                           StripSums<windows, vectors>& sums) {
  const int64_t units = whole ? kUnits : last_unit;
  StripSums<windows, vectors> chains[2] = {};
  add_units<0>(pixels, units, weights, chains);
  if constexpr (kChainsAtOnce == 1) add_units<1>(pixels, units, weights, chains);
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      const Vector both = chains[0].of[p][v] + chains[1].of[p][v];
      sums.of[p][v] += whole ? both : both + Vector{};
    }
  }
}

// A strip of outputs from a place on, which becomes that of the next strip. The `skipped` first
// ones are stored already.
template <int windows, int vectors>
CNNX_INLINE void run_strip(const Bfloat16Product& a, const Bfloat16Finish<vectors>& kept,
                           const float* weights, OutputPlace& place, int64_t skipped) {
  const uint16_t* sources[windows];
  int64_t outputs[windows];
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    sources[p] = a.source + (place.row * a.row_windows + place.in_row) * a.window_step;
    outputs[p] = place.row * a.epilogue.output_row_step + place.in_row * a.epilogue.output_step;
    if (++place.in_row == a.row_outputs) place = {place.row + 1, 0};
  }
  StripSums<windows, vectors> sums = {};
  BlockPixels pixels[windows];
  for (int64_t run = 0; run < a.run_count; ++run) {
    int64_t at = a.runs[run];
    const int64_t end = at + a.run_length;
    for (; at + kBlock <= end; at += kBlock, weights += block_floats(vectors)) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) read_block(sources[p] + at, pixels[p]);
      add_block<true>(pixels, kUnits, weights, sums);
    }
    if (at < end) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) read_some(sources[p] + at, end - at, pixels[p]);
      add_block<false>(pixels, units_of(end - at), weights, sums);
      weights += block_floats(vectors);
    }
  }
  // Before, the registers were full.
  const Bfloat16Finish<vectors> finish = kept;
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    if (p >= skipped) finish.store_window(sums.of[p], outputs[p]);
  }
}

template <int vectors>
__attribute__((noinline)) void run_strips(const Bfloat16Product& a, const float* weights,
                                          const Bfloat16Finish<vectors>& finish) {
  constexpr int kWindows = windows_of(vectors);
  const int64_t rows = (a.windows - a.row_outputs) / a.row_windows + 1;
  const int64_t outputs = rows * a.row_outputs;
  OutputPlace place;
  if (outputs < kWindows) {
    for (int64_t output = 0; output < outputs; ++output)
      run_strip<1, vectors>(a, finish, weights, place, 0);
    return;
  }
  for (int64_t stored = 0; stored < outputs; stored += kWindows) {
    // The last strip ends with the last output, and begins with some that are stored already.
    const int64_t first = lesser(stored, outputs - kWindows);
    if (first < stored) place = {first / a.row_outputs, first % a.row_outputs};
    run_strip<kWindows, vectors>(a, finish, weights, place, stored - first);
  }
}

template <int vectors>
CNNX_INLINE void run_panel(const Bfloat16Product& a, const float* weights, int64_t column) {
  run_strips<vectors>(a, weights, Bfloat16Finish<vectors>(a.epilogue, column, a.columns));
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
