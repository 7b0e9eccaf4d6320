// Quantized products in registers: a strip of windows times the vectors of a panel. Included by
// quantized_product.cpp only.
#pragma once

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <int windows, int vectors>
void run_strip(const QuantizedProduct& a, const uint8_t* source, const uint8_t* weights,
               const int32_t* bias, IntVector (&sums)[kStrip][kVectors]) {
  IntVector chain[windows][vectors];
  CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
    const IntVector start = load_integers(bias + v * kLanes);
    CNNX_UNROLL for (int p = 0; p < windows; ++p) chain[p][v] = start;
  }
  const int64_t quads = quads_of(a.run_bytes);
  for (int64_t run = 0; run < a.run_count; ++run) {
    const uint8_t* pixel = source + a.runs[run];
    for (int64_t quad = 0; quad < quads; ++quad, pixel += 4) {
      Weights held_weights[vectors];
      CNNX_UNROLL for (int v = 0; v < vectors; ++v, weights += kLanes * kBytesPerQuad)
          held_weights[v] = load_weights(weights);
      CNNX_UNROLL for (int p = 0; p < windows; ++p) {
        const Pixels pixels = load_pixels(pixel + p * a.window_step);
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) chain[p][v] =
            add_dot_product(chain[p][v], pixels, held_weights[v]);
      }
    }
  }
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) sums[p][v] = chain[p][v];
  }
}

// Stores the windows [stored, end) of a strip that begins with the window `first`.
template <int vectors>
__attribute__((noinline)) void store_strip(const QuantizedProduct& a, const Finish& finish,
                                           const IntVector (&sums)[kStrip][kVectors],
                                           int64_t column, int64_t first, int64_t stored,
                                           int64_t end, Place& place) {
  for (; stored < end; ++stored) {
    int64_t index;
    if (place.next(a, index)) {
      finish.store_window<vectors>(sums[stored - first], index * a.columns + column, column,
                                   a.columns - column);
    }
  }
}

template <int vectors>
void run_panel(const QuantizedProduct& a, const Panels& panels, int64_t column) {
  const Finish finish(a.epilogue, panels.multiplier);
  const uint8_t* const weights = panels.weights + panels.offset(column);
  const int32_t* const bias = panels.bias + column;
  IntVector sums[kStrip][kVectors];
  Place place;
  // The last strip ends with the last window, and begins with some that are stored already.
  const bool whole = a.windows >= kStrip;
  const int64_t strip = whole ? kStrip : 1;
  for (int64_t stored = 0; stored < a.windows;) {
    const int64_t window = lesser(stored, a.windows - strip);
    const uint8_t* const source = a.source + window * a.window_step;
    if (whole) {
      run_strip<kStrip, vectors>(a, source, weights, bias, sums);
    } else {
      run_strip<1, vectors>(a, source, weights, bias, sums);
    }
    store_strip<vectors>(a, finish, sums, column, window, stored, window + strip, place);
    stored = window + strip;
  }
}

void run(const QuantizedProduct& a) {
  const Panels panels(a.packed, a.run_count, a.run_bytes, a.columns);
  for (int64_t panel = a.first_panel; panel < a.last_panel; ++panel) {
    const int64_t column = panel * kPanelColumns;
    switch (lesser(kVectors, (a.columns - column + kLanes - 1) / kLanes)) {
      case 1:
        run_panel<1>(a, panels, column);
        break;
      case 2:
        run_panel<2>(a, panels, column);
        break;
#if defined(CNNX_32_REGISTERS)
      case 3:
        run_panel<3>(a, panels, column);
        break;
      case 4:
        run_panel<4>(a, panels, column);
        break;
#endif
    }
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
