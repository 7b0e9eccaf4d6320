// The direct convolution of images with one channel and few outputs: a vector of pixels is
// multiplied with one weight of each output, and the outputs are interleaved at the end.
#include "kernels/conv2d_one_input.h"

#include "kernels/conv2d_rows.h"
#include "kernels/max_pool2x2_window.h"
#include "kernels/quad.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Vectors of pixels at once, for which each weight is loaded once.
constexpr int kPixelVectors = kLanes == 16 ? 2 : 1;
constexpr int kPixels = kPixelVectors * kLanes;

// One row of outputs and its taps.
struct Line {
  int64_t outputs;
  const float* source;  // of the first tap and output
  int64_t source_step;  // from one row of taps to the next
  int64_t taps_high, taps_wide;
  const float* panel;
  int64_t panel_width;
  const float* bias;  // or null
  float* target;
  int64_t columns;
};

// Sums of kPixels pixels from `first` on, one line of pixels for each output.
template <int kOutputs>
void convolve_pixels(const Line& line, int64_t first, float* sums, int64_t sums_step) {
  Vector sum[kOutputs][kPixelVectors];
  CNNX_UNROLL for (int o = 0; o < kOutputs; ++o) {
    const Vector start = broadcast(line.bias ? line.bias[o] : 0.0f);
    CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) sum[o][v] = start;
  }
  const float* weight = line.panel;
  for (int64_t i = 0; i < line.taps_high; ++i) {
    const float* x = line.source + i * line.source_step + first;
    for (int64_t j = 0; j < line.taps_wide; ++j, ++x, weight += line.panel_width) {
      Vector pixels[kPixelVectors];
      CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) pixels[v] = load(x + v * kLanes);
      CNNX_UNROLL for (int o = 0; o < kOutputs; ++o) {
        const Vector value = broadcast(weight[o]);
        CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) {
          sum[o][v] = fused_multiply_add(pixels[v], value, sum[o][v]);
        }
      }
    }
  }
  CNNX_UNROLL for (int o = 0; o < kOutputs; ++o) {
    CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) {
      store(sums + o * sums_step + v * kLanes, sum[o][v]);
    }
  }
}

void convolve_pixels(const Line& line, int64_t first, float* sums, int64_t sums_step) {
  constexpr void (*kOf[kMostOutputsAlongPixels])(const Line&, int64_t, float*, int64_t) = {
      convolve_pixels<1>, convolve_pixels<2>, convolve_pixels<3>, convolve_pixels<4>,
      convolve_pixels<5>, convolve_pixels<6>, convolve_pixels<7>, convolve_pixels<8>};
  kOf[line.outputs - 1](line, first, sums, sums_step);
}

// target[p][o] = lines[o][p] for `count` pixels p. The last four outputs overlap the first ones if
// the number is not a multiple of four.
void weave(const float* lines, int64_t step, int64_t outputs, int64_t count, float* target) {
  int64_t p = 0;
  for (; outputs >= 4 && p + 4 <= count; p += 4) {
    float* pixel = target + p * outputs;
    transpose_quad(lines + p, step, pixel, outputs);
    if (outputs == 4) continue;
    const int64_t last = outputs - 4;
    transpose_quad(lines + last * step + p, step, pixel + last, outputs);
  }
  for (; p < count; ++p) {
    for (int64_t o = 0; o < outputs; ++o) target[p * outputs + o] = lines[o * step + p];
  }
}

void convolve_line(const Line& line, Vector floor, Vector ceiling) {
  alignas(64) float sums[kMostOutputsAlongPixels * kPixels];
  for (int64_t q = 0; q < line.columns; q += kPixels) {
    convolve_pixels(line, q, sums, kPixels);
    for (int64_t i = 0; i < line.outputs * kPixels; i += kLanes)
      store(sums + i, at_most(ceiling, at_least(floor, load(sums + i))));
    const int64_t count = line.columns - q < kPixels ? line.columns - q : kPixels;
    weave(sums, kPixels, line.outputs, count, line.target + q * line.outputs);
  }
}

// Every second of two vectors' values.
#if defined(__AVX512F__)
#define CNNX_EVERY_SECOND(i)                                                                 \
  (i), (i) + 2, (i) + 4, (i) + 6, (i) + 8, (i) + 10, (i) + 12, (i) + 14, (i) + 16, (i) + 18, \
      (i) + 20, (i) + 22, (i) + 24, (i) + 26, (i) + 28, (i) + 30
#elif defined(__AVX2__)
#define CNNX_EVERY_SECOND(i) (i), (i) + 2, (i) + 4, (i) + 6, (i) + 8, (i) + 10, (i) + 12, (i) + 14
#else
#define CNNX_EVERY_SECOND(i) (i), (i) + 2, (i) + 4, (i) + 6
#endif
template <int kFirst>
CNNX_INLINE Vector every_second(const float* from) {
  const Vector low = load(from), high = load(from + kLanes);
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(low, high, CNNX_EVERY_SECOND(kFirst));
#else
  return __builtin_shuffle(low, high, IntVector{CNNX_EVERY_SECOND(kFirst)});
#endif
}

// Two lines, pooled: `target` and `argmax` are of the pooled one.
void convolve_two_lines(const Line& upper, const Line& lower, Vector floor, uint8_t* argmax) {
  constexpr int64_t kTwice = 2 * kLanes;
  const int64_t outputs = upper.outputs, pooled_columns = upper.columns / 2;
  alignas(64) float sums[2][kMostOutputsAlongPixels][kTwice];
  alignas(64) float pooled[kMostOutputsAlongPixels][kLanes];
  alignas(64) uint8_t won[kMostOutputsAlongPixels][kLanes];
  for (int64_t q = 0; q < pooled_columns; q += kLanes) {
    for (int64_t p = 0; p < kTwice; p += kPixels) {
      convolve_pixels(upper, 2 * q + p, sums[0][0] + p, kTwice);
      convolve_pixels(lower, 2 * q + p, sums[1][0] + p, kTwice);
    }
    for (int64_t o = 0; o < outputs; ++o) {
      const Vector window[4] = {every_second<0>(sums[0][o]), every_second<1>(sums[0][o]),
                                every_second<0>(sums[1][o]), every_second<1>(sums[1][o])};
      if (argmax) {
        pool_window<true>(window, floor, AllLanes{}, pooled[o], won[o]);
      } else {
        pool_window<false>(window, floor, AllLanes{}, pooled[o], nullptr);
      }
    }
    const int64_t count = pooled_columns - q < kLanes ? pooled_columns - q : kLanes;
    weave(pooled[0], kLanes, outputs, count, upper.target + q * outputs);
    if (!argmax) continue;
    for (int64_t p = 0; p < count; ++p) {
      uint8_t* pixel = argmax + (q + p) * argmax_step(outputs);
      for (int64_t o = 0; o < outputs; ++o) pixel[o] = won[o][p];
    }
  }
}

// The lines of a pass.
class Lines {
 public:
  CNNX_INLINE Lines(const Convolution& c, const ConvolutionBand& band, const float* row_zero,
                    int64_t row_floats)
      : pass_(c.passes[0]),
        height_(c.source.height),
        row_zero_(row_zero),
        row_floats_(row_floats),
        panels_(band.panels + pass_.panels_offset) {
    line_.outputs = c.group_outputs;
    line_.source_step = pass_.vertical.dilation * row_floats;
    line_.taps_wide = pass_.horizontal.taps;
    line_.panel_width = column_block(c.group_outputs, 0).width;
    line_.bias = band.bias;
    line_.columns = pass_.columns;
  }
  CNNX_INLINE Line at(int64_t row, float* target) const {
    const WindowAxis& v = pass_.vertical;
    const Range taps = taps_inside(v, row, height_);
    Line line = line_;
    line.taps_high = taps.last - taps.first;
    line.source = row_zero_ + (v.origin + row * v.stride + taps.first * v.dilation) * row_floats_;
    line.panel = panels_ + taps.first * line.taps_wide * line.panel_width;
    line.target = target;
    return line;
  }

 private:
  const ConvolutionPass& pass_;
  int64_t height_;
  const float* row_zero_;
  int64_t row_floats_;
  const float* panels_;
  Line line_ = {};
};

}  // namespace

void convolve_one_input(const Convolution& c, const ConvolutionBand& band, const float* row_zero,
                        int64_t row_floats, int64_t first, int64_t last) {
  const Lines lines(c, band, row_zero, row_floats);
  for (int64_t r = first; r < last; ++r) {
    float* target = band.target + (r - band.target_row) * c.target_width * c.target_channels;
    convolve_line(lines.at(r, target), relu_floor(band.relu), broadcast(band.ceiling));
  }
}

void convolve_one_input_pooled(const Convolution& c, const ConvolutionBand& band,
                               const float* row_zero, int64_t row_floats, uint8_t* argmax) {
  const Lines lines(c, band, row_zero, row_floats);
  const int64_t pooled_width = c.target_width / 2;
  float* target = band.target;
  for (int64_t r = band.first; r < band.last; r += 2) {
    convolve_two_lines(lines.at(r, target), lines.at(r + 1, target), relu_floor(band.relu), argmax);
    target += pooled_width * c.target_channels;
    if (argmax) argmax += pooled_width * argmax_step(c.target_channels);
  }
}

}  // namespace CNNX_ISA
}  // namespace cnnx
