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

// Windows of a strip. The chains that are computed at once, of each of so many vectors of a panel,
// with the weights of these vectors and a broadcast pixel fill the registers.
constexpr int kVectorsAtOnce = 2;
#if defined(CNNX_32_REGISTERS)
constexpr int kStrip = 6, kChainsAtOnce = 2;
#elif defined(CNNX_HAS_FMA)
constexpr int kStrip = 6, kChainsAtOnce = 1;
#else
constexpr int kStrip = 4, kChainsAtOnce = 1;
#endif

// A block of a window in units, which are broadcast; the factors of weights of the same number.
typedef uint32_t BlockPixels[kUnits];

#if defined(__AVX512BF16__)
// The words 0, 1, 2, 3 of every four as 2, 0, 3, 1: a unit of the even chain, then one of the odd.
CNNX_INLINE void store_units(__m512i words, BlockPixels& pixels) {
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(4, 5, 0, 1, 6, 7, 2, 3, 12, 13, 8, 9, 14, 15, 10, 11));
  _mm512_storeu_si512(pixels, _mm512_shuffle_epi8(words, order));
}
CNNX_INLINE void widen_block(const uint16_t* source, BlockPixels& pixels) {
  store_units(_mm512_loadu_si512(source), pixels);
}
CNNX_INLINE void widen_some(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  store_units(_mm512_maskz_loadu_epi16((1u << count) - 1u, source), pixels);
}
#else
CNNX_INLINE void widen_block(const uint16_t* source, BlockPixels& pixels) {
  for (int64_t unit = 0; unit < kUnits; ++unit)
    pixels[unit] = static_cast<uint32_t>(source[unit]) << 16;
}
CNNX_INLINE void widen_some(const uint16_t* source, int64_t count, BlockPixels& pixels) {
  uint16_t words[kBlock] = {};
  memcpy(words, source, static_cast<size_t>(2 * count));
  widen_block(words, pixels);
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

// Units of a block that has so many elements of the window; the others multiply zeros.
constexpr int64_t units_of(int64_t elements) {
  constexpr int64_t kElements = 2 * kBlock / kUnits;  // of a unit of each chain
  return (elements + kElements - 1) / kElements * 2;
}

// Some of the two chains of a block for each window and each of some vectors.
template <int chains, int windows, int count>
struct Chains {
  Vector of[chains][windows][count];
};

// Chains from number `chain` on, for vectors from number `first` on.
template <int windows, int vectors, int first, int count>
CNNX_INLINE Chains<kChainsAtOnce, windows, count> chains_of(const BlockPixels* pixels,
                                                            int64_t units, const float* weights,
                                                            int64_t chain) {
  Chains<kChainsAtOnce, windows, count> chains = {};
  for (int64_t unit = chain; unit < units; unit += 2) {
    Vector held_weights[kChainsAtOnce][count];
    CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
      CNNX_UNROLL for (int v = 0; v < count; ++v) held_weights[c][v] =
          held(load(weights + unit_offset(unit + c, first + v, vectors)));
    }
    CNNX_UNROLL for (int p = 0; p < windows; ++p) {
      CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
        CNNX_UNROLL for (int v = 0; v < count; ++v) chains.of[c][p][v] =
            multiply_add(chains.of[c][p][v], pixels[p][unit + c], held_weights[c][v]);
      }
    }
  }
  return chains;
}

// Adds a block's chains to the sums, for vector number `first` and those after it. The units of a
// block that is not whole are multiplied up to `last_unit`. Products of zeros would only turn a
// chain of -0, which was a denormal, into +0; adding 0 to both chains does the same.
template <bool whole, int first, int windows, int vectors>
CNNX_INLINE void add_block(const BlockPixels* pixels, int64_t last_unit, const float* weights,
                           StripSums<windows, vectors>& sums) {
  constexpr int count = lesser(kVectorsAtOnce, vectors - first);
  const int64_t units = whole ? kUnits : last_unit;
  const auto even = chains_of<windows, vectors, first, count>(pixels, units, weights, 0);
  constexpr int odd_chain = kChainsAtOnce - 1;
  const auto odd = kChainsAtOnce == 2
                       ? even
                       : chains_of<windows, vectors, first, count>(pixels, units, weights, 1);
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    CNNX_UNROLL for (int v = 0; v < count; ++v) {
      const Vector both = even.of[0][p][v] + odd.of[odd_chain][p][v];
      sums.of[p][first + v] += whole ? both : both + Vector{};
    }
  }
  if constexpr (first + count < vectors)
    add_block<whole, first + count>(pixels, last_unit, weights, sums);
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
    int64_t at = a.runs[run];
    const int64_t end = at + a.run_length;
    for (; at + kBlock <= end; at += kBlock, weights += block_floats(vectors)) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) widen_block(sources[p] + at, pixels[p]);
      add_block<true, 0>(pixels, kUnits, weights, sums);
    }
    if (at < end) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p)
          widen_some(sources[p] + at, end - at, pixels[p]);
      add_block<false, 0>(pixels, units_of(end - at), weights, sums);
      weights += block_floats(vectors);
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
