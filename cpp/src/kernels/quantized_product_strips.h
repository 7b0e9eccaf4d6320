// Quantized products in registers: a strip of windows times the vectors of a panel. Included by
// quantized_product.cpp only.
#pragma once

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Windows of a strip: their sums, a vector of weights each of a panel's and a broadcast pixel fill
// the registers.
#if defined(CNNX_32_REGISTERS) && defined(CNNX_LOADS_PIXELS)
constexpr int kStrip = 5;  // two registers for a vector of weights
#elif defined(CNNX_32_REGISTERS) || defined(CNNX_DOT_PRODUCTS)
constexpr int kStrip = 6;
#else
constexpr int kStrip = 4;
#endif

// Fewer vectors than a panel's leave registers for more windows.
#if defined(CNNX_32_REGISTERS) && !defined(CNNX_LOADS_PIXELS)
constexpr int kMostWindows = 2 * kStrip;
#else
constexpr int kMostWindows = kStrip;
#endif
constexpr int windows_of(int vectors) {
  return static_cast<int>(lesser(kMostWindows, kStrip * kVectors / vectors));
}

// Windows whose outputs are stored at once.
#if defined(CNNX_32_REGISTERS) || defined(CNNX_DOT_PRODUCTS)
constexpr int joined_windows(int vectors) { return 4 / vectors; }
#else
constexpr int joined_windows(int) { return 1; }
#endif

// Of a panel of columns, and where its outputs go.
struct PanelOutputs {
  const QuantizedProduct& product;
  const Finish& finish;
  int64_t column;
};

// Stores outputs of any kind, window by window. One function for strips of every size: unrolled,
// what is rare would be most of their code.
template <int vectors>
__attribute__((noinline)) void store_windows(const PanelOutputs& out, const IntVector* sums,
                                             int64_t first, int64_t end) {
  const int64_t columns = out.product.columns, column = out.column;
  for (; first < end; ++first, sums += vectors) {
    out.finish.template store_window<vectors>(sums, first * columns + column, column,
                                              columns - column);
  }
}

// Stores the outputs of a strip that begins with the output `first`, but for those before `stored`.
// `finish`: the panel's, or a copy.
template <int windows, int vectors>
CNNX_INLINE void store_strip(const PanelOutputs& out, const Finish& finish, const IntVector* chain,
                             int64_t first, int64_t stored) {
  if (!likely(first >= stored && finish.rounds())) {
    IntVector sums[windows * vectors];  // a copy, because the chain is in registers
    CNNX_UNROLL for (int i = 0; i < windows * vectors; ++i) sums[i] = chain[i];
    const int64_t begin = first < stored ? stored : first;
    store_windows<vectors>(out, sums + (begin - first) * vectors, begin, first + windows);
    return;
  }
  const int64_t columns = out.product.columns, column = out.column;
  constexpr int kJoined = joined_windows(vectors), kWhole = windows / kJoined * kJoined;
  CNNX_UNROLL for (int p = 0; p < windows; p += p < kWhole ? kJoined : 1) {
    const int64_t element = (first + p) * columns + column;
    if (p < kWhole) {
      finish.template store<kJoined, vectors>(chain + p * vectors, element, columns, column,
                                              columns - column);
    } else {
      finish.template store<1, vectors>(chain + p * vectors, element, columns, column,
                                        columns - column);
    }
  }
}

// A strip of outputs that begins with the output `first`; those before `stored` are stored already.
template <int windows, int vectors>
CNNX_INLINE void run_strip(const PanelOutputs& out, const Finish& finish, const uint8_t* weights,
                           const int32_t* bias, int64_t first, int64_t stored) {
  const QuantizedProduct& a = out.product;
  const uint8_t* sources[windows];
  int64_t row = first / a.row_outputs, in_row = first % a.row_outputs;
  CNNX_UNROLL for (int p = 0; p < windows; ++p) {
    sources[p] = a.source + (row * a.row_windows + in_row) * a.window_step;
    if (++in_row == a.row_outputs) in_row = 0, ++row;
  }
  IntVector chain[windows * vectors];
  CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
    const IntVector start = load_integers(bias + v * kLanes);
    CNNX_UNROLL for (int p = 0; p < windows; ++p) chain[p * vectors + v] = start;
  }
  const int64_t quads = quads_of(a.run_bytes);
  for (int64_t run = 0; run < a.run_count; ++run) {
    int64_t at = a.runs[run];
    for (int64_t quad = 0; quad < quads; ++quad, at += 4) {
      Weights held_weights[vectors];
      CNNX_UNROLL for (int v = 0; v < vectors; ++v, weights += kLanes * kBytesPerQuad)
          held_weights[v] = load_weights(weights);
      CNNX_UNROLL for (int p = 0; p < windows; ++p) {
        const auto pixels = load_pixels(sources[p] + at);
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
          IntVector& sum = chain[p * vectors + v];
          sum = add_dot_product(sum, pixels, held_weights[v]);
        }
      }
    }
  }
  store_strip<windows, vectors>(out, finish, chain, first, stored);
}

// Computes the outputs of a panel from `stored` on in strips of so many windows, and what is at
// most half of one in smaller strips. The last one ends with the last output, and may begin with
// some that are stored already.
template <int windows, int vectors>
__attribute__((noinline)) void run_strips(const PanelOutputs& out, const uint8_t* weights,
                                          const int32_t* bias, int64_t stored, int64_t outputs) {
#if defined(CNNX_32_REGISTERS)
  const Finish finish = out.finish;  // a copy, which no byte that is stored can be part of
#else
  const Finish& finish = out.finish;
#endif
  constexpr int kHalf = windows / 2;
  if (outputs >= windows) {
    for (; outputs - stored > kHalf; stored += windows)
      run_strip<windows, vectors>(out, finish, weights, bias, lesser(stored, outputs - windows),
                                  stored);
  }
  if constexpr (windows > 1) {
    if (outputs > stored) run_strips<kHalf, vectors>(out, weights, bias, stored, outputs);
  }
}

#if defined(CNNX_32_REGISTERS) && !defined(CNNX_LOADS_PIXELS)
// For one vector, loads would take longer than dot products. A pixel that is one of three in a row
// of a window, and of two windows beside it, is loaded once for all three.
constexpr int kRowStrip = 16, kRowTaps = 3;

bool shares_pixels(const QuantizedProduct& a) {
  return a.run_bytes == kRowTaps * a.window_step && a.window_step % 4 == 0 &&
         a.row_outputs >= kRowStrip;
}

// A strip as by run_strip, but within a row of outputs; `source`: of its first window.
CNNX_INLINE void run_row_strip(const PanelOutputs& out, const Finish& finish,
                               const uint8_t* weights, const int32_t* bias, const uint8_t* source,
                               int64_t first, int64_t stored) {
  const QuantizedProduct& a = out.product;
  const int64_t quads = a.window_step / 4, tap_bytes = quads * kLanes * kBytesPerQuad;
  IntVector chain[kRowStrip];
  CNNX_UNROLL for (int p = 0; p < kRowStrip; ++p) chain[p] = load_integers(bias);
  for (int64_t run = 0; run < a.run_count; ++run, weights += (kRowTaps - 1) * tap_bytes) {
    for (int64_t quad = 0; quad < quads; ++quad, weights += kLanes * kBytesPerQuad) {
      Weights of_taps[kRowTaps];
      CNNX_UNROLL for (int tap = 0; tap < kRowTaps; ++tap) of_taps[tap] =
          load_weights(weights + tap * tap_bytes);
      const uint8_t* pixel = source + a.runs[run] + 4 * quad;
      CNNX_UNROLL for (int x = 0; x < kRowStrip + kRowTaps - 1; ++x, pixel += a.window_step) {
        const auto pixels = load_pixels(pixel);
        CNNX_UNROLL for (int tap = 0; tap < kRowTaps; ++tap) {
          if (x < tap || x - tap >= kRowStrip) continue;
          chain[x - tap] = add_dot_product(chain[x - tap], pixels, of_taps[tap]);
        }
      }
    }
  }
  store_strip<kRowStrip, 1>(out, finish, chain, first, stored);
}

__attribute__((noinline)) void run_row_strips(const PanelOutputs& out, const uint8_t* weights,
                                              const int32_t* bias, int64_t rows) {
  const QuantizedProduct& a = out.product;
  const Finish finish = out.finish;
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* const source = a.source + row * a.row_windows * a.window_step;
    for (int64_t stored = 0; stored < a.row_outputs; stored += kRowStrip) {
      const int64_t in_row = lesser(stored, a.row_outputs - kRowStrip);
      run_row_strip(out, finish, weights, bias, source + in_row * a.window_step,
                    row * a.row_outputs + in_row, row * a.row_outputs + stored);
    }
  }
}
#endif

template <int vectors>
__attribute__((noinline)) void run_panel(const QuantizedProduct& a, const Panels& panels,
                                         int64_t column) {
  const Finish finish(a.epilogue, panels.multiplier, *panels.sums_fit);
  const uint8_t* const weights = panels.weights + panels.offset(column);
  const int32_t* const bias = panels.bias + column;
  const PanelOutputs out{a, finish, column};
  const int64_t rows = (a.windows - a.row_outputs) / a.row_windows + 1;
  const int64_t outputs = rows * a.row_outputs;
#if defined(CNNX_32_REGISTERS) && !defined(CNNX_LOADS_PIXELS)
  if (vectors == 1 && shares_pixels(a)) return run_row_strips(out, weights, bias, rows);
#endif
  run_strips<windows_of(vectors), vectors>(out, weights, bias, 0, outputs);
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
