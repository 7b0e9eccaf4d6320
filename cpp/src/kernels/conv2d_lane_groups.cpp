// The convolution of groups that fill lanes: some pixels of one vector of channels at a time. Every
// input channel is spread over the lanes of its group once and multiplied with all windows that
// read it.
#include "kernels/conv2d_lane_groups.h"

#include "kernels/conv2d_lane_groups_spread.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Outputs of the largest tile: with the weights of a row of three taps they fill the registers.
#if defined(__AVX512F__)
constexpr int kPixels = 14;
#else
constexpr int kPixels = 8;
#endif

// Panels: per vector of channels (taps_high, inputs, taps_wide, kLanes), in the order of the
// chains.
void pack_tap(const LaneGroupsTap& t, float* panels) {
  const int64_t vector_step = t.rows * t.group.inputs * t.columns * kLanes;
  float* const place = panels + (t.row * t.group.inputs * t.columns + t.column) * kLanes;
  for (int64_t g = 0; g < t.groups; ++g) {
    for (int64_t j = 0; j < t.group.outputs; ++j) {
      const int64_t channel = g * t.group.outputs + j;
      const float* from = t.weight + g * t.group_step + j * t.output_step;
      float* to = place + channel / kLanes * vector_step + channel % kLanes;
      for (int64_t i = 0; i < t.group.inputs; ++i)
        to[i * t.columns * kLanes] = from[i * t.input_step];
    }
  }
}

// Forward and input gradient ----------------------------------------------------------------------

// Some outputs of a row side by side, the first in column q, and their taps.
struct Outputs {
  int64_t row, q;
  Range tap_rows, tap_columns;
};

template <int kCount, class Lanes>
CNNX_INLINE void start(const LaneGroupsPass& p, const float* target, int64_t channel, Lanes lanes,
                       Vector (&sum)[kCount]) {
  if (p.accumulate) {
    CNNX_UNROLL for (int i = 0; i < kCount; ++i) sum[i] = lanes.load(target + i * p.column_step);
  } else {
    const Vector bias = p.bias ? lanes.load(p.bias + channel) : Vector{};
    CNNX_UNROLL for (int i = 0; i < kCount; ++i) sum[i] = bias;
  }
}

template <int kCount, class Lanes>
CNNX_INLINE void finish(const LaneGroupsPass& p, Vector (&sum)[kCount], Lanes lanes,
                        float* target) {
  if (p.relu) {
    CNNX_UNROLL for (int i = 0; i < kCount; ++i) sum[i] =
        at_most(broadcast(p.ceiling), positive_part(sum[i]));
  }
  CNNX_UNROLL for (int i = 0; i < kCount; ++i) lanes.store(target + i * p.column_step, sum[i]);
}

// Calls add(first source pixel and its step, panel of the first row of taps, vector's lanes, sums)
// for every vector of channels of kCount outputs.
template <bool kSeveralGroups, int kCount, class Add>
CNNX_INLINE void for_sums(const LaneGroupsPass& p, const Outputs& outputs, const Add& add) {
  const int64_t channels = p.groups * p.group.outputs, pixel_step = p.groups * p.group.inputs;
  const int64_t panel_row = p.group.inputs * p.horizontal.taps * kLanes;
  const int64_t top = p.vertical.origin + outputs.row * p.vertical.stride +
                      outputs.tap_rows.first * p.vertical.dilation;
  const int64_t left = p.horizontal.origin + outputs.q * p.horizontal.stride;
  const float* source = p.source + (top * p.width + left) * pixel_step;
  const float* panel = p.panels + outputs.tap_rows.first * panel_row;
  float* target = p.target + outputs.row * p.row_step + outputs.q * p.column_step;
  for_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[kCount];
    start(p, target + channel, channel, lanes, sum);
    add(source + first_input<kSeveralGroups>(p.group, channel), pixel_step, panel, lanes, sum);
    finish(p, sum, lanes, target + channel);
    panel += p.vertical.taps * panel_row;
  });
}

// Any windows: loads every tap of every output.
template <bool kSeveralGroups, int kCount>
void convolve_any(const LaneGroupsPass& p, const Outputs& outputs) {
  const int64_t tap_rows = outputs.tap_rows.last - outputs.tap_rows.first;
  for_sums<kSeveralGroups, kCount>(
      p, outputs,
      [&](const float* source, int64_t pixel_step, const float* panel, auto lanes, auto& sum)
          CNNX_INLINED {
            const int64_t step = p.horizontal.stride * pixel_step;
            for (int64_t u = 0; u < tap_rows; ++u) {
              for (int64_t input = 0; input < p.group.inputs; ++input) {
                const Spread<kSeveralGroups> spread(p.group, input);
                for (int64_t v = outputs.tap_columns.first; v < outputs.tap_columns.last; ++v) {
                  const Vector weight = load(panel + v * kLanes);
                  const float* pixel = source + v * p.horizontal.dilation * pixel_step;
                  CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
                    sum[i] = fused_multiply_add(spread.of(pixel + i * step, false, lanes), weight,
                                                sum[i]);
                  }
                }
                panel += p.horizontal.taps * kLanes;
              }
              source += p.vertical.dilation * p.width * pixel_step;
            }
          });
}

// Windows of kTaps taps side by side, kStride apart: a pixel's input is spread once for all windows
// of the tile that contain it. Taps beside the image read zeros.
template <bool kSeveralGroups, int kTaps, int kStride, int kCount>
void convolve_sliding(const LaneGroupsPass& p, const Outputs& outputs) {
  constexpr int kSpan = (kCount - 1) * kStride + kTaps;
  const int64_t tap_rows = outputs.tap_rows.last - outputs.tap_rows.first;
  const int64_t left = p.horizontal.origin + outputs.q * kStride;
  const int64_t inside_first = -left, inside_last = p.width - left;
  for_sums<kSeveralGroups, kCount>(
      p, outputs,
      [&](const float* source, int64_t pixel_step, const float* panel, auto lanes, auto& sum)
          CNNX_INLINED {
            for (int64_t u = 0; u < tap_rows; ++u) {
              for (int64_t input = 0; input < p.group.inputs; ++input) {
                const Spread<kSeveralGroups> spread(p.group, input);
                Vector weight[kTaps];
                CNNX_UNROLL for (int v = 0; v < kTaps; ++v) weight[v] = load(panel + v * kLanes);
                panel += kTaps * kLanes;
                const float* pixel = source;
                CNNX_UNROLL for (int j = 0; j < kSpan; ++j, pixel += pixel_step) {
                  // One pointer that advances, not one per pixel, for which there are too few
                  // registers.
                  asm("" : "+r"(pixel));
                  const bool outside = (j < kTaps - 1 && j < inside_first) ||
                                       (j > kSpan - kTaps && j >= inside_last);
                  const Vector value = spread.of(pixel, outside, lanes);
                  CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
                    const int distance = j - v, i = distance / kStride;
                    if (distance >= 0 && distance % kStride == 0 && i < kCount) {
                      sum[i] = fused_multiply_add(value, weight[v], sum[i]);
                    }
                  }
                }
              }
              source += p.vertical.dilation * p.width * pixel_step;
            }
          });
}

// Tiles of kPixels outputs, of half as many, and so on.
using Tile = void (*)(const LaneGroupsPass&, const Outputs&);
constexpr int kSizes[] = {kPixels, kPixels / 2, 3, 1};
struct Tiles {
  int64_t taps, stride;
  Tile of[4];
};
template <bool kSeveralGroups, int kTaps, int kStride>
constexpr Tiles sliding_tiles() {
  return {kTaps,
          kStride,
          {convolve_sliding<kSeveralGroups, kTaps, kStride, kSizes[0]>,
           convolve_sliding<kSeveralGroups, kTaps, kStride, kSizes[1]>,
           convolve_sliding<kSeveralGroups, kTaps, kStride, kSizes[2]>,
           convolve_sliding<kSeveralGroups, kTaps, kStride, kSizes[3]>}};
}

// Windows of 2 taps are a phase of the input gradient of 3x3 kernels with stride 2. A single tap
// has nothing to share.
template <bool kSeveralGroups>
constexpr Tiles kSliding[] = {sliding_tiles<kSeveralGroups, 2, 1>(),
                              sliding_tiles<kSeveralGroups, 3, 1>(),
                              sliding_tiles<kSeveralGroups, 3, 2>()};
template <bool kSeveralGroups>
constexpr Tiles kAny = {
    0,
    0,
    {convolve_any<kSeveralGroups, kSizes[0]>, convolve_any<kSeveralGroups, kSizes[1]>,
     convolve_any<kSeveralGroups, kSizes[2]>, convolve_any<kSeveralGroups, kSizes[3]>}};

template <bool kSeveralGroups>
const Tiles* tiles_for(const LaneGroupsPass& p) {
  const WindowAxis& h = p.horizontal;
  if (!slides(h, p.columns, p.width)) return nullptr;
  for (const Tiles& tiles : kSliding<kSeveralGroups>) {
    if (tiles.taps == h.taps && tiles.stride == h.stride) return &tiles;
  }
  return nullptr;
}

// Columns [outputs.q, last)
void convolve_columns(const LaneGroupsPass& p, const Tiles& tiles, Outputs outputs, int64_t last) {
  for (int size = 0; size < 4; ++size) {
    for (; outputs.q + kSizes[size] <= last; outputs.q += kSizes[size]) tiles.of[size](p, outputs);
  }
}

template <bool kSeveralGroups>
void convolve_rows(const LaneGroupsPass& p, int64_t first, int64_t last) {
  const Tiles* sliding = tiles_for<kSeveralGroups>(p);
  const Range inside = windows_wholly_inside(p.horizontal, p.columns, p.width);
  const Range all = {0, p.horizontal.taps};
  for (int64_t row = first; row < last; ++row) {
    const Range rows = taps_inside(p.vertical, row, p.height);
    if (sliding) {
      convolve_columns(p, *sliding, {row, 0, rows, all}, p.columns);
      continue;
    }
    const auto at_edge = [&](int64_t q) {
      kAny<kSeveralGroups>.of[3](p, {row, q, rows, taps_inside(p.horizontal, q, p.width)});
    };
    for (int64_t q = 0; q < inside.first; ++q) at_edge(q);
    convolve_columns(p, kAny<kSeveralGroups>, {row, inside.first, rows, all}, inside.last);
    for (int64_t q = inside.last; q < p.columns; ++q) at_edge(q);
  }
}

void convolve(const LaneGroupsPass& p, int64_t first, int64_t last) {
  (several_groups(p.group) ? convolve_rows<true> : convolve_rows<false>)(p, first, last);
}

}  // namespace

const LaneGroupsKernels lane_groups_kernels = {pack_tap, convolve};

}  // namespace CNNX_ISA
}  // namespace cnnx
