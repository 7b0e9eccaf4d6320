// The source of passes with vectors along the channels of all groups.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/batch_norm2d.h"
#include "ops/conv2d_phases.h"

namespace cnnx::ops {

// Rows of a band.
constexpr int64_t kMostLaneRows = 16;

// The source image of a pass in the form for vectors along the target's channels. In a group of
// several channels, each channel is spread over the lanes that need it: a pixel becomes `inputs`
// adjacent pixels of the target's width, and windows have so many times the taps and the stride. A
// band is a few rows of the target, or of each of its phases, that a thread computes at a time.
class LaneSource {
 public:
  // `goes_down`: whether kernels compute the rows of a band column by column.
  LaneSource(const PassGeometry& geometry, bool goes_down)
      : g_(geometry),
        goes_down_(goes_down),
        spreads_(g_.group_inputs > 1 || g_.group_outputs > 1),
        copied_rows_(find_copied_rows()),
        copied_floats_(find_copied_floats()) {}

  const PassGeometry& geometry() const { return g_; }
  bool spreads() const { return spreads_; }
  int64_t width() const { return g_.source_width * g_.group_inputs; }
  WindowAxis horizontal(const WindowAxis& window) const {
    const int64_t inputs = g_.group_inputs;
    return {window.origin * inputs, window.stride * inputs, window.taps * inputs, window.dilation};
  }
  // With a normalisation, rows are copied even if they are not spread.
  bool copies(const BatchNormForward* normalisation) const { return spreads_ || normalisation; }
  int64_t band_rows(const BatchNormForward* normalisation) const {
    return copies(normalisation) ? copied_rows_ : find_band_rows();
  }
  // Of a thread's scratch.
  int64_t band_floats(const BatchNormForward* normalisation) const {
    return copies(normalisation) ? copied_floats_ : 0;
  }
  int64_t normalised_floats(int threads) const { return spreads_ ? 0 : threads * copied_floats_; }

  // Row 0 of an image, from which target rows [first, last) of any phase read only existing rows:
  // the image itself, or its rows spread or normalised into `scratch`.
  const float* lanes(const float* image, int64_t first, int64_t last,
                     const BatchNormForward* normalisation, float* scratch) const;

 private:
  int64_t row_floats() const { return width() * g_.target_channels; }
  int64_t find_band_rows() const;
  int64_t find_copied_rows() const;
  int64_t find_copied_floats() const;
  std::pair<int64_t, int64_t> rows_read(int64_t first, int64_t last) const;

  PassGeometry g_;
  bool goes_down_, spreads_;
  int64_t copied_rows_, copied_floats_;  // of a band
};

}  // namespace cnnx::ops
