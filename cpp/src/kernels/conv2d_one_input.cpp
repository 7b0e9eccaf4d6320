// The direct convolution of pictures with one channel and few outputs: a vector of pixels is
// multiplied with one weight of each output, and the outputs are woven together at the end.
#include "kernels/conv2d_one_input.h"

#include "kernels/conv2d_rows.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Vectors of pixels at once: each weight is loaded once for so many.
constexpr int kPixelVectors = kLanes == 16 ? 2 : 1;
constexpr int kPixels = kPixelVectors * kLanes;

// One row of outputs and the taps it sees.
struct Line {
  const float* source;  // of the first tap and output
  int64_t source_step;  // from one row of taps to the next
  int64_t taps_high, taps_wide;
  const float* panel;
  int64_t panel_width;
  const float* bias;  // or null
  float* target;
  int64_t columns;
};

template <int kOutputs>
void convolve_line(const Line& line) {
  for (int64_t q = 0; q < line.columns; q += kPixels) {
    Vector sum[kOutputs][kPixelVectors];
    CNNX_UNROLL for (int o = 0; o < kOutputs; ++o) {
      const Vector start = broadcast(line.bias ? line.bias[o] : 0.0f);
      CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) sum[o][v] = start;
    }
    const float* weight = line.panel;
    for (int64_t i = 0; i < line.taps_high; ++i) {
      const float* x = line.source + i * line.source_step + q;
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
    float woven[kOutputs][kPixels];
    CNNX_UNROLL for (int o = 0; o < kOutputs; ++o) {
      CNNX_UNROLL for (int v = 0; v < kPixelVectors; ++v) store(woven[o] + v * kLanes, sum[o][v]);
    }
    const int64_t count = line.columns - q < kPixels ? line.columns - q : kPixels;
    float* target = line.target + q * kOutputs;
    for (int64_t p = 0; p < count; ++p) {
      CNNX_UNROLL for (int o = 0; o < kOutputs; ++o)* target++ = woven[o][p];
    }
  }
}

constexpr void (*kLines[kMostOutputsAlongPixels])(const Line&) = {
    convolve_line<1>, convolve_line<2>, convolve_line<3>, convolve_line<4>,
    convolve_line<5>, convolve_line<6>, convolve_line<7>, convolve_line<8>};

}  // namespace

void convolve_one_input(const Convolution& c, const ConvolutionBand& band,
                        const ConvolutionPass& pass, const float* row_zero, int64_t row_floats,
                        int64_t first, int64_t last) {
  const WindowAxis &v = pass.vertical, &h = pass.horizontal;
  Line line = {};
  line.source_step = v.dilation * row_floats;
  line.taps_wide = h.taps;
  line.panel_width = column_block(c.group_outputs, 0).width;
  line.bias = band.bias;
  line.columns = pass.columns;
  for (int64_t r = first; r < last; ++r) {
    const Range taps = taps_inside(v, r, c.source.height);
    line.taps_high = taps.last - taps.first;
    line.source = row_zero + (v.origin + r * v.stride + taps.first * v.dilation) * row_floats;
    line.panel = band.panels + pass.panels_offset + taps.first * h.taps * line.panel_width;
    line.target = band.target + (r - band.target_row) * c.target_width * c.target_channels;
    kLines[c.group_outputs - 1](line);
  }
}

}  // namespace CNNX_ISA
}  // namespace cnnx
