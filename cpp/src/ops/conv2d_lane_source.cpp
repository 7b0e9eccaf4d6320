// Spreads or normalises the rows of a band.
#include "ops/conv2d_lane_source.h"

#include <algorithm>

#include "kernels/conv2d_depthwise.h"
#include "ops/normalised_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {

// Few rows, so that the epilogue finds the rows that were just written in a first-level cache and
// phases write beside each other. More rows down the map, so that few rows are read by two bands.
int64_t LaneSource::find_band_rows() const {
  constexpr int64_t kRowsAtOnce = 4;
  const int64_t phases = static_cast<int64_t>(g_.vertical.size());
  return goes_down_ ? kMostLaneRows : divide_up(kRowsAtOnce, std::max<int64_t>(1, phases));
}

// More rows where the source is copied, for the same reason.
int64_t LaneSource::find_copied_rows() const {
  constexpr int64_t kMostFloats = 64 * 1024;
  const int64_t stride = g_.vertical.empty() ? 1 : g_.vertical.front().window.stride;
  return std::clamp<int64_t>(kMostFloats / (row_floats() * stride), 1, kMostLaneRows);
}

int64_t LaneSource::find_copied_floats() const {
  int64_t rows = 0;
  for (const Phase& v : g_.vertical) {
    for (const Phase& w : g_.vertical) {
      rows = std::max(rows, v.window.origin - w.window.origin + spanned(v.window, copied_rows_));
    }
  }
  return runtime::round_up_to_line(std::min(rows, g_.source_height) * row_floats() +
                                   kSpreadSlackFloats);
}

// Source rows that target rows [first, last) of any phase read.
std::pair<int64_t, int64_t> LaneSource::rows_read(int64_t first, int64_t last) const {
  int64_t begin = g_.source_height, end = 0;
  for (const Phase& v : g_.vertical) {
    const int64_t origin = v.window.origin + first * v.window.stride;
    begin = std::min(begin, origin);
    end = std::max(end, origin + spanned(v.window, last - first));
  }
  return {std::max<int64_t>(begin, 0), std::min(end, g_.source_height)};
}

const float* LaneSource::lanes(const float* image, int64_t first, int64_t last,
                               const BatchNormForward* normalisation, float* scratch) const {
  if (!copies(normalisation)) return image;
  const auto [begin, end] = rows_read(first, last);
  if (begin >= end) return scratch;
  if (normalisation)
    return normalise_rows(*normalisation, image, g_.source_width, begin, end, scratch);
  CNNX_KERNELS(depthwise_kernels)
      .spread(image + begin * g_.source_width * g_.source_channels, (end - begin) * g_.source_width,
              g_.groups, g_.group_inputs, g_.group_outputs, scratch);
  return scratch - begin * row_floats();
}

}  // namespace cnnx::ops
