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
  explicit ProductState(const Bfloat16Product&) {}
};

int64_t elements_beyond(int64_t) { return 0; }

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
// A block of a window: its words in memory, of which every four are read at once. Copies of them in
// units would take stores, each of them as long as one or two products.
struct BlockPixels {
  const uint16_t* words;
};
CNNX_INLINE void read_block(const uint16_t* source, BlockPixels& pixels) { pixels.words = source; }
CNNX_INLINE void read_some(const uint16_t* source, int64_t, BlockPixels& pixels) {
  pixels.words = source;
}

// Four words that end with the last `count` words of a run.
struct LastPixels {
  const uint16_t* words;
  int64_t count;
};
// Those of a block of `count` words after its whole fours. Fewer than four in all are copied.
CNNX_INLINE LastPixels last_pixels(const BlockPixels& pixels, int64_t count, uint16_t (&copy)[4]) {
  if (count >= 4) return {pixels.words + count - 4, count % 4};
  memset(copy, 0, sizeof copy);
  memcpy(copy + 4 - count, pixels.words, static_cast<size_t>(2 * count));
  return {copy, count};
}

// The words 0, 1, 2, 3 as 2, 0, a unit of the even chain, and 3, 1, one of the odd: the bytes that
// VPSHUFB selects from the words, which each half of its 16 bytes repeats.
template <int chain>
constexpr uint32_t kPair = chain == 0 ? 0x01000504 : 0x03020706;
CNNX_INLINE UnsignedVector shuffled(const uint16_t* source, uint32_t bytes) {
  int64_t words;
  memcpy(&words, source, sizeof words);
  return reinterpret_cast<UnsignedVector>(
      _mm512_shuffle_epi8(_mm512_set1_epi64(words), _mm512_set1_epi32(static_cast<int>(bytes))));
}
template <int chain>
CNNX_INLINE UnsignedVector pixels_of(const BlockPixels& pixels, int64_t unit) {
  return shuffled(pixels.words + 2 * (unit - chain), kPair<chain>);
}
// The same for fewer words. Bytes past the last one get the index 0x80 or more, which selects zero.
template <int chain>
CNNX_INLINE UnsignedVector pixels_of(const LastPixels& pixels, int64_t) {
  const uint32_t first_byte = static_cast<uint32_t>(8 - 2 * pixels.count);
  return shuffled(pixels.words, kPair<chain> + 0x01010101 * (0x78 + first_byte));
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

// Adds units [first, end) to one of the two chains of a block for each window and vector, or to
// both.
template <int chain, int windows, int vectors, class Pixels>
CNNX_INLINE void add_units(const Pixels* pixels, int64_t first, int64_t end, const float* weights,
                           StripSums<windows, vectors> (&chains)[2]) {
  for (int64_t unit = first + chain; unit < end; unit += 2) {
    Vector held_weights[kChainsAtOnce][vectors];
    CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) held_weights[c][v] =
          held(load(weights + unit_offset(unit + c, v, vectors)));
    }
    CNNX_UNROLL for (int p = 0; p < windows; ++p) {
      const UnsignedVector pair = pixels_of<chain>(pixels[p], unit);
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) chains[chain].of[p][v] =
          multiply_add(chains[chain].of[p][v], pair, held_weights[0][v]);
      if constexpr (kChainsAtOnce == 2) {
        const UnsignedVector next = pixels_of<1>(pixels[p], unit + 1);
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) chains[1].of[p][v] =
            multiply_add(chains[1].of[p][v], next, held_weights[1][v]);
      }
    }
  }
}

#if defined(__AVX512BF16__)
// Units of a block's whole fours of elements; add_last_units adds those of the others.
constexpr int64_t units_of(int64_t elements) { return elements / 4 * 2; }
template <int windows, int vectors>
CNNX_INLINE void add_last_units(const BlockPixels* pixels, int64_t elements, const float* weights,
                                StripSums<windows, vectors> (&chains)[2]) {
  LastPixels last[windows];
  uint16_t copies[windows][4];
  CNNX_UNROLL for (int p = 0; p < windows; ++p) last[p] =
      last_pixels(pixels[p], elements, copies[p]);
  add_units<0>(last, units_of(elements), units_of(elements) + 2, weights, chains);
}
#else
// Units of a block that has so many elements of the window; the others multiply zeros.
constexpr int64_t units_of(int64_t elements) {
  constexpr int64_t kElements = 2 * kBlock / kUnits;  // of a unit of each chain
  return (elements + kElements - 1) / kElements * 2;
}
#endif

// Adds a block of so many elements to the sums. Products of the zeros that complete one which is
// not whole would only turn a chain of -0, which was a denormal, into +0; adding 0 to both chains
// does the same.
template <bool whole, int windows, int vectors>
CNNX_INLINE void add_block(const BlockPixels* pixels, int64_t elements, const float* weights,
                           StripSums<windows, vectors>& sums) {
  const int64_t units = whole ? kUnits : units_of(elements);
  StripSums<windows, vectors> chains[2] = {};
  add_units<0>(pixels, 0, units, weights, chains);
  if constexpr (kChainsAtOnce == 1) add_units<1>(pixels, 0, units, weights, chains);
#if defined(__AVX512BF16__)
  if (!whole && elements % 4 != 0) add_last_units(pixels, elements, weights, chains);
#endif
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      const Vector both = chains[0].of[p][v] + chains[1].of[p][v];
      sums.of[p][v] += whole ? both : both + Vector{};
    }
  }
}

// Outputs of a product in their order, with the windows that they are made of.
class Outputs {
 public:
  Outputs(const Bfloat16Product& a, int64_t first)
      : source_(a.source +
                (first / a.row_outputs * a.row_windows + first % a.row_outputs) * a.window_step),
        offset_(first / a.row_outputs * a.epilogue.output_row_step +
                first % a.row_outputs * a.epilogue.output_step),
        left_in_row_(a.row_outputs - first % a.row_outputs) {}

  // The windows and offsets of the next `count` outputs.
  template <int count>
  CNNX_INLINE void take(const Bfloat16Product& a, const uint16_t* (&windows)[count],
                        int64_t (&offsets)[count]) {
    const int64_t step = a.window_step, output_step = a.epilogue.output_step;
    CNNX_UNROLL for (int p = 0; p < count; ++p) {
      windows[p] = source_ + p * step;
      offsets[p] = offset_ + p * output_step;
    }
    if (left_in_row_ > count) {
      left_in_row_ -= count;
      source_ += count * step;
      offset_ += count * output_step;
    } else {
      take_across_rows(a, count, windows, offsets);
    }
  }

 private:
  __attribute__((noinline)) void take_across_rows(const Bfloat16Product& a, int count,
                                                  const uint16_t** windows, int64_t* offsets) {
    for (int p = 0; p < count; ++p) {
      windows[p] = source_;
      offsets[p] = offset_;
      source_ += a.window_step;
      offset_ += a.epilogue.output_step;
      if (--left_in_row_ > 0) continue;
      left_in_row_ = a.row_outputs;
      source_ += (a.row_windows - a.row_outputs) * a.window_step;
      offset_ += a.epilogue.output_row_step - a.row_outputs * a.epilogue.output_step;
    }
  }

  const uint16_t* source_;
  int64_t offset_, left_in_row_;
};

// A strip of outputs. The `skipped` first ones are stored already.
template <int windows, int vectors>
CNNX_INLINE void run_strip(const Bfloat16Product& a, const Bfloat16Finish<vectors>& kept,
                           const float* weights, Outputs& outputs, int64_t skipped) {
  const uint16_t* sources[windows];
  int64_t offsets[windows];
  outputs.take(a, sources, offsets);
  StripSums<windows, vectors> sums = {};
  BlockPixels pixels[windows];
  for (int64_t run = 0; run < a.run_count; ++run) {
    int64_t at = a.runs[run];
    const int64_t end = at + a.run_length;
    for (; at + kBlock <= end; at += kBlock, weights += block_floats(vectors)) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) read_block(sources[p] + at, pixels[p]);
      add_block<true>(pixels, kBlock, weights, sums);
    }
    if (at < end) {
      CNNX_UNROLL for (int p = 0; p < windows; ++p) read_some(sources[p] + at, end - at, pixels[p]);
      add_block<false>(pixels, end - at, weights, sums);
      weights += block_floats(vectors);
    }
  }
  // Before, the registers were full.
  const Bfloat16Finish<vectors> finish = kept;
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    if (p >= skipped) finish.store_window(sums.of[p], offsets[p]);
  }
}

template <int vectors>
__attribute__((noinline)) void run_strips(const Bfloat16Product& a, const float* weights,
                                          const Bfloat16Finish<vectors>& finish) {
  constexpr int kWindows = windows_of(vectors);
  const int64_t rows = (a.windows - a.row_outputs) / a.row_windows + 1;
  const int64_t count = rows * a.row_outputs;
  Outputs outputs(a, 0);
  if (count < kWindows) {
    for (int64_t output = 0; output < count; ++output)
      run_strip<1, vectors>(a, finish, weights, outputs, 0);
    return;
  }
  for (int64_t stored = 0; stored < count; stored += kWindows) {
    // The last strip ends with the last output, and begins with some that are stored already.
    const int64_t first = lesser(stored, count - kWindows);
    if (first < stored) outputs = Outputs(a, first);
    run_strip<kWindows, vectors>(a, finish, weights, outputs, stored - first);
  }
}

template <int vectors>
CNNX_INLINE void run_panel(const Bfloat16Product& a, const float* weights, int64_t column) {
  run_strips<vectors>(a, weights, Bfloat16Finish<vectors>(a.epilogue, column, a.columns));
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
