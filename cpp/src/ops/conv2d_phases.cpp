// Finds the windows of a convolution's passes.
#include "ops/conv2d_phases.h"

#include <algorithm>
#include <numeric>

#include "ops/shares.h"

namespace cnnx::ops {
namespace {

// One axis of a convolution; `before` is the padding before the input.
struct Axis {
  int64_t input, output, before, stride, kernel, dilation;
};

std::vector<Phase> forward_phases(const Axis& a) {
  return {{0, a.output, {-a.before, a.stride, a.kernel, a.dilation}, 0, 1}};
}

// Input pixel p meets kernel tap k where p + before - k * dilation is a multiple of the stride.
// With g = gcd(stride, dilation), the taps stride / g apart share their pixels; the largest one
// meets the first grad_output.
std::vector<Phase> gradient_phases(const Axis& a) {
  const int64_t common = std::gcd(a.stride, a.dilation), period = a.stride / common;
  std::vector<Phase> phases;
  for (int64_t smallest = 0; smallest < std::min(a.kernel, period); ++smallest) {
    const int64_t first = ((smallest * a.dilation - a.before) % a.stride + a.stride) % a.stride;
    if (first >= a.input) continue;
    const int64_t taps = (a.kernel - 1 - smallest) / period + 1;
    const int64_t largest = smallest + (taps - 1) * period;
    phases.push_back(
        {first,
         (a.input - 1 - first) / a.stride + 1,
         {(first + a.before - largest * a.dilation) / a.stride, 1, taps, a.dilation / common},
         largest,
         -period});
  }
  return phases;
}

// Pixels of all phases.
int64_t covered(const std::vector<Phase>& phases) {
  int64_t count = 0;
  for (const Phase& phase : phases) count += phase.count;
  return count;
}

}  // namespace

std::vector<Segment> column_segments(const Phase& phase, int64_t size) {
  constexpr int64_t kLeastPixels = 5;
  const WindowAxis& window = phase.window;
  const std::vector<Segment> whole = {{0, phase.count, 0, window.taps}};
  if (window.dilation < kLeastPixels) return whole;
  std::vector<Segment> segments;
  for (int64_t i = 0; i < phase.count; ++i) {
    const int64_t begin = window.origin + i * window.stride;
    const auto taps_before = [&](int64_t place) {
      const int64_t distance = std::max<int64_t>(0, place - begin);
      return std::min(window.taps, divide_up(distance, window.dilation));
    };
    const int64_t first = taps_before(0), taps = taps_before(size) - first;
    if (taps == 0) return whole;
    if (segments.empty() || segments.back().first_tap != first || segments.back().taps != taps)
      segments.push_back({i, 0, first, taps});
    ++segments.back().count;
  }
  const auto fills_tiles = [](const Segment& segment) { return segment.count >= kLeastPixels; };
  return std::all_of(segments.begin(), segments.end(), fills_tiles) ? segments : whole;
}

bool PassGeometry::has_gaps() const {
  return covered(vertical) < target_height || covered(horizontal) < target_width;
}

PassGeometry pass_geometry(const Conv2dGeometry& g, PassDirection direction) {
  const Axis vertical = {g.in_height,     g.out_height,         g.top,
                         g.stride.height, g.kernel_size.height, g.dilation.height};
  const Axis horizontal = {g.in_width,     g.out_width,         g.left,
                           g.stride.width, g.kernel_size.width, g.dilation.width};
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  if (direction == PassDirection::forward) {
    return {g.batch,
            g.groups,
            g.in_height,
            g.in_width,
            g.in_channels,
            g.out_height,
            g.out_width,
            g.out_channels,
            inputs,
            outputs,
            g.kernel_size,
            Pair{},
            forward_phases(vertical),
            forward_phases(horizontal),
            false};
  }
  return {g.batch,
          g.groups,
          g.out_height,
          g.out_width,
          g.out_channels,
          g.in_height,
          g.in_width,
          g.in_channels,
          outputs,
          inputs,
          g.kernel_size,
          g.stride,
          gradient_phases(vertical),
          gradient_phases(horizontal),
          true};
}

void fill_unseen(float* begin, float* end, const float* bias, bool relu, float ceiling,
                 int64_t channels) {
  if (!bias) return std::fill(begin, end, 0.0f);
  if (begin == end) return;
  for (int64_t c = 0; c < channels; ++c) {
    begin[c] = bias[c];
    if (relu) begin[c] = bias[c] < 0.0f ? 0.0f : bias[c] > ceiling ? ceiling : bias[c];
  }
  for (float* pixel = begin + channels; pixel < end; pixel += channels)
    std::copy_n(begin, channels, pixel);
}

}  // namespace cnnx::ops
