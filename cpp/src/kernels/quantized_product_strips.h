// Quantized products in registers: a strip of windows times the vectors of a panel. Included by
// quantized_product.cpp only.
#pragma once

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Of a panel of columns, and where its outputs go.
struct PanelOutputs {
  const QuantizedProduct& product;
  const Finish& finish;
  int64_t column;
};

// A strip of windows that begins with the window `first`; those before `stored` are stored already.
template <int windows, int vectors>
CNNX_INLINE void run_strip(const PanelOutputs& out, const uint8_t* weights, const int32_t* bias,
                           int64_t first, int64_t stored, Place& place) {
  const QuantizedProduct& a = out.product;
  IntVector chain[windows][vectors];
  CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
    const IntVector start = load_integers(bias + v * kLanes);
    CNNX_UNROLL for (int p = 0; p < windows; ++p) chain[p][v] = start;
  }
  const uint8_t* const source = a.source + first * a.window_step;
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
    int64_t index;
    if (first + p >= stored && place.next(a.row_windows, a.row_outputs, index)) {
      out.finish.store_window<vectors>(chain[p], index * a.columns + out.column, out.column,
                                       a.columns - out.column);
    }
  }
}

template <int vectors>
__attribute__((noinline)) void run_panel(const QuantizedProduct& a, const Panels& panels,
                                         int64_t column) {
  const Finish finish(a.epilogue, panels.multiplier);
  const uint8_t* const weights = panels.weights + panels.offset(column);
  const int32_t* const bias = panels.bias + column;
  const PanelOutputs out{a, finish, column};
  Place place;
  if (a.windows < kStrip) {
    for (int64_t window = 0; window < a.windows; ++window)
      run_strip<1, vectors>(out, weights, bias, window, window, place);
    return;
  }
  // The last strip ends with the last window, and begins with some that are stored already.
  for (int64_t stored = 0; stored < a.windows; stored += kStrip)
    run_strip<kStrip, vectors>(out, weights, bias, lesser(stored, a.windows - kStrip), stored,
                               place);
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
