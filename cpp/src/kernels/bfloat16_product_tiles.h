// Products of bfloat16 in AMX tiles: 32 windows times 32 columns. Included by bfloat16_product.cpp
// only.
#pragma once

#include "kernels/amx_tiles.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The weights of a panel are read from here on while earlier ones are multiplied.
constexpr int64_t kPrefetchedFloats = 2 * 1024;

// Elements of a window in a tile, which has whole pairs. A short run of pairs needs no zeros that
// complete it: products with zeros change no sum, since a chain that starts from +0 is never -0.
constexpr int64_t elements_of_pairs(int64_t run_length) {
  return run_length > 0 && run_length < kBlock ? (run_length + 1) / 2 * 2 : kBlock;
}
CNNX_INLINE int64_t tile_elements(const Bfloat16Product& a) {
  const bool completed = a.run_length % 2 == 1 && !a.reads_beyond;
  return completed ? kBlock : elements_of_pairs(a.run_length);
}

// Without them, the ends of all windows are copied.
int64_t elements_beyond(int64_t run_length) {
  const int64_t elements = elements_of_pairs(run_length);
  return (elements - run_length % elements) % elements;
}

struct ProductState {
  explicit ProductState(const Bfloat16Product& a) { use_tiles(a, kTileWindows); }
  ~ProductState() { _tile_release(); }
  static void use_tiles(const Bfloat16Product& a, int64_t windows) {
    const TileConfiguration configuration(windows, 2 * tile_elements(a));
    _tile_loadconfig(&configuration);
  }
};

// The place of a window's output, as windows go by.
struct OutputPlace {
  int64_t row = 0, in_row = 0;
};

// How the outputs of windows are stored: in any form, or in pairs (Bfloat16Finish::takes_pairs).
enum class OutputForm { any, pair, pair_with_addend };

// The outputs of the next `count` windows, for whose sums there are `vectors` vectors each. The
// copies stay in registers, because no output that is stored can be part of them.
template <int vectors, OutputForm form>
__attribute__((noinline)) void store_outputs(const Bfloat16Product& product,
                                             const Bfloat16Finish<vectors>& kept, const float* sums,
                                             int64_t count, OutputPlace& next) {
  const Bfloat16Finish<vectors> finish = kept;
  OutputPlace place = next;
  const Bfloat16Epilogue& e = product.epilogue;
  const int64_t step = e.output_step;
  while (count > 0) {
    const int64_t in_row = lesser(count, product.row_windows - place.in_row);
    const int64_t stored = lesser(in_row, product.row_outputs - place.in_row);
    int64_t offset = place.row * e.output_row_step + place.in_row * step;
    for (int64_t i = 0; i < stored; ++i, offset += step) {
      Vector window[vectors];
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) window[v] =
          load(sums + (i * vectors + v) * kLanes);
      if constexpr (form == OutputForm::any) {
        finish.store_window(window, offset);
      } else {
        finish.template store_pair<form == OutputForm::pair_with_addend>(window[0], window[1],
                                                                         offset);
      }
    }
    sums += in_row * vectors * kLanes;
    count -= in_row;
    place.in_row += in_row;
    if (place.in_row == product.row_windows) place = {place.row + 1, 0};
  }
  next = place;
}

// The sums of some windows, from which outputs are made while the tiles compute the next ones.
template <int vectors>
class TileOutputs {
 public:
  TileOutputs(const Bfloat16Product& product, int64_t column)
      : product_(product), finish_(product.epilogue, column, product.columns) {}

  float* next_sums(int64_t windows) {
    store(windows_);
    windows_ = windows;
    stored_ = 0;
    current_ = 1 - current_;
    return sums_[current_][0];
  }
  int64_t windows() const { return windows_; }
  // Stores the outputs of windows up to number `end`.
  CNNX_INLINE void store(int64_t end) {
    const int64_t last = lesser(end, windows_);
    if (last <= stored_) return;
    store_next(sums_[current_][stored_], last - stored_);
    stored_ = last;
  }

 private:
  CNNX_INLINE void store_next(const float* sums, int64_t count) {
    auto store = store_outputs<vectors, OutputForm::any>;
    if constexpr (vectors == 2) {
      if (finish_.takes_pairs()) {
        store = product_.epilogue.addend ? store_outputs<vectors, OutputForm::pair_with_addend>
                                         : store_outputs<vectors, OutputForm::pair>;
      }
    }
    store(product_, finish_, sums, count, place_);
  }

  const Bfloat16Product& product_;
  int64_t windows_ = 0, stored_ = 0;
  int current_ = 0;
  OutputPlace place_;
  Bfloat16Finish<vectors> finish_;
  alignas(64) float sums_[2][kTileWindows][vectors * kLanes];
};

// The last elements of a run, which are no whole block, and zeros.
typedef uint16_t TailRows[kTileWindows][kBlock];

CNNX_INLINE void copy_tails(const uint16_t* source, int64_t window_step, int64_t windows,
                            __mmask32 elements, TailRows& tails) {
  for (int64_t i = 0; i < windows; ++i, source += window_step)
    _mm512_store_si512(tails[i], _mm512_maskz_loadu_epi16(elements, source));
}

// Computes `tiles` tiles of windows, and stores the outputs of those before.
template <int tiles, int vectors>
CNNX_INLINE void run_tiles(const Bfloat16Product& a, const float* weights, int64_t first,
                           int64_t windows, TileOutputs<vectors>& outputs) {
  _tile_zero(0);
  if (vectors > 1) _tile_zero(1);
  if (tiles > 1) _tile_zero(2);
  if (tiles > 1 && vectors > 1) _tile_zero(3);
  const uint16_t* const source = a.source + first * a.window_step;
  const int64_t blocks = blocks_of(a.run_length);
  const int64_t tail = a.reads_beyond ? 0 : a.run_length % tile_elements(a);
  const int64_t share = a.run_count > 0 ? outputs.windows() / (blocks * a.run_count) + 1 : 0;
  const auto tail_mask = static_cast<__mmask32>((1u << tail) - 1u);
  alignas(64) TailRows tails;
  int64_t stored = 0;
  for (int64_t run = 0; run < a.run_count; ++run) {
    const uint16_t* block_source = source + a.runs[run];
    for (int64_t block = 0; block < blocks; ++block, block_source += kBlock) {
      const uint16_t* pixels = block_source;
      int64_t step = a.window_step;
      if (tail > 0 && block == blocks - 1) {
        copy_tails(pixels, step, windows, tail_mask, tails);
        pixels = tails[0];
        step = kBlock;
      }
      _tile_loadd(6, weights, kTileBytes);
      _tile_loadd(4, pixels, 2 * step);
      _tile_dpbf16ps(0, 4, 6);
      if (vectors > 1) {
        _tile_loadd(7, weights + block_floats(1), kTileBytes);
        _tile_dpbf16ps(1, 4, 7);
      }
      if (tiles > 1) {
        _tile_loadd(5, pixels + kTileRows * step, 2 * step);
        _tile_dpbf16ps(2, 5, 6);
        if (vectors > 1) _tile_dpbf16ps(3, 5, 7);
      }
      if (first == 0) prefetch_lines(weights + kPrefetchedFloats, 4 * block_floats(vectors));
      weights += block_floats(vectors);
      outputs.store(stored += share);
    }
  }
  store_tiles<tiles, vectors>(outputs.next_sums(windows));
}

template <int vectors>
__attribute__((noinline)) void run_panel(const Bfloat16Product& a, const float* weights,
                                         int64_t column) {
  TileOutputs<vectors> outputs(a, column);
  int64_t window = 0;
  for (; window + kTileWindows <= a.windows; window += kTileWindows)
    run_tiles<2, vectors>(a, weights, window, kTileWindows, outputs);
  if (const int64_t rest = a.windows - window; rest > 0) {
    ProductState::use_tiles(a, rest);
    if (rest > kTileRows) {
      run_tiles<2, vectors>(a, weights, window, rest, outputs);
    } else {
      run_tiles<1, vectors>(a, weights, window, rest, outputs);
    }
    ProductState::use_tiles(a, kTileWindows);
  }
  outputs.store(kTileWindows);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
