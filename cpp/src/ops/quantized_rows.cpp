// Copies rows phase by phase.
#include "ops/quantized_rows.h"

#include <algorithm>
#include <cstring>

#include "ops/shares.h"

namespace cnnx::ops {

RowCopy::RowCopy(const Conv2dGeometry& g, int64_t element_bytes)
    : g_(g), pixel_bytes_(g.in_channels * element_bytes) {
  const int64_t extent = (g.kernel_size.width - 1) * g.dilation.width + 1;
  const int64_t width = (g.out_width - 1) * g.stride.width + extent;
  row_windows_ = divide_up(width, g.stride.width);
  row_bytes_ = row_windows_ * g.stride.width * pixel_bytes_;
  const int64_t stride = g.stride.height;
  const int64_t last_tap = (g.kernel_size.height - 1) * g.dilation.height;
  phases_.assign(static_cast<std::size_t>(std::min(stride, last_tap + 1)), 0);
  for (int64_t tap = 0; tap < g.kernel_size.height; ++tap) {
    const int64_t row = tap * g.dilation.height;
    int64_t& rows = phases_[static_cast<std::size_t>(row % stride)];
    rows = std::max(rows, row / stride + 1);
  }
}

int64_t RowCopy::bytes(int64_t outputs) const {
  int64_t rows = 0;
  for (const int64_t taps : phases_) rows += taps > 0 ? taps - 1 + outputs : 0;
  return rows * row_bytes_;
}

int64_t RowCopy::offset(int64_t tap, int64_t outputs) const {
  const int64_t row = tap * g_.dilation.height;
  const auto phase = static_cast<std::size_t>(row % g_.stride.height);
  int64_t before = row / g_.stride.height;
  for (std::size_t i = 0; i < phase; ++i) before += phases_[i] > 0 ? phases_[i] - 1 + outputs : 0;
  return before * row_bytes_;
}

void RowCopy::copy(const uint8_t* image, int64_t first, int64_t last, int zero,
                   uint8_t* target) const {
  for (std::size_t phase = 0; phase < phases_.size(); ++phase) {
    if (phases_[phase] == 0) continue;
    const int64_t count = phases_[phase] - 1 + last - first;
    for (int64_t i = 0; i < count; ++i, target += row_bytes_) {
      const int64_t row = (first + i) * g_.stride.height + static_cast<int64_t>(phase) - g_.top;
      copy_row(image, row, zero, target);
    }
  }
}

void RowCopy::copy_row(const uint8_t* image, int64_t row, int zero, uint8_t* target) const {
  const auto fill = [&](int64_t from, int64_t bytes) {
    std::memset(target + from, zero, static_cast<std::size_t>(bytes));
  };
  if (row < 0 || row >= g_.in_height) {
    fill(0, row_bytes_);
    return;
  }
  const int64_t first = std::max<int64_t>(0, -g_.left), before = std::max<int64_t>(0, g_.left);
  const int64_t width = row_bytes_ / pixel_bytes_;
  const int64_t pixels =
      std::clamp<int64_t>(std::min(g_.in_width - first, width - before), 0, width);
  const int64_t begin = std::min(before, width) * pixel_bytes_;
  const int64_t end = begin + pixels * pixel_bytes_;
  fill(0, begin);
  if (pixels > 0) {
    std::memcpy(target + begin, image + (row * g_.in_width + first) * pixel_bytes_,
                static_cast<std::size_t>(end - begin));
  }
  fill(end, row_bytes_ - end);
}

}  // namespace cnnx::ops
