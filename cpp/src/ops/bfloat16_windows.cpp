// Finds the planes of a convolution's taps, and the pixels of their positions.
#include "ops/bfloat16_windows.h"

#include <algorithm>

namespace cnnx::ops {
namespace {

// With fewer channels most of a tile would be padding.
constexpr int64_t kMostJoinedChannels = 8;

// Which of `size` pixels of an axis windows read.
std::vector<bool> pixels_read(int64_t size, int64_t outputs, int64_t stride, int64_t taps,
                              int64_t dilation, int64_t before) {
  std::vector<bool> read(static_cast<std::size_t>(size), false);
  for (int64_t output = 0; output < outputs; ++output) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t pixel = output * stride + tap * dilation - before;
      if (pixel >= 0 && pixel < size) read[static_cast<std::size_t>(pixel)] = true;
    }
  }
  return read;
}

}  // namespace

WindowPlanes::WindowPlanes(const Conv2dGeometry& g)
    : g_(g),
      joins_columns_(g.groups == 1 && g.in_channels <= kMostJoinedChannels &&
                     g.kernel_size.width > 1 && g.dilation.width == 1),
      channels_(g.in_channels / g.groups * (joins_columns_ ? g.kernel_size.width : 1)),
      row_is_read_(pixels_read(g.in_height, g.out_height, g.stride.height, g.kernel_size.height,
                               g.dilation.height, g.top)) {
  find_planes();
  find_row_positions();
}

WindowPlanes::TapPlace WindowPlanes::place(int64_t tap) const {
  const int64_t row = tap / tap_columns() * g_.dilation.height;
  const int64_t column = tap % tap_columns() * g_.dilation.width;
  const Pair stride = g_.stride;
  return {row % stride.height, column % stride.width, row / stride.height, column / stride.width};
}

// Its number, or that of planes if it is none of them yet.
int64_t WindowPlanes::plane_of(const TapPlace& tap) const {
  return std::find_if(planes_.begin(), planes_.end(),
                      [&](const Plane& plane) {
                        return plane.row == tap.plane_row && plane.column == tap.plane_column;
                      }) -
         planes_.begin();
}

void WindowPlanes::find_planes() {
  for (int64_t tap = 0; tap < tap_count(); ++tap) {
    const TapPlace from = place(tap);
    const int64_t number = plane_of(from);
    if (number == plane_count()) planes_.push_back({from.plane_row, from.plane_column, 0, 0, {}});
    Plane& plane = planes_[static_cast<std::size_t>(number)];
    plane.rows_below = std::max(plane.rows_below, from.row);
    plane.columns_beside = std::max(plane.columns_beside, from.column);
  }
  if (!joins_columns_) {
    for (Plane& plane : planes_) find_columns(plane);
  }
}

// Up to the last one that windows read.
void WindowPlanes::find_columns(Plane& plane) const {
  const std::vector<bool> read = pixels_read(g_.in_width, g_.out_width, g_.stride.width,
                                             g_.kernel_size.width, g_.dilation.width, g_.left);
  for (int64_t i = plane.column - g_.left; i < g_.in_width; i += g_.stride.width) {
    plane.columns.push_back(i >= 0 && read[static_cast<std::size_t>(i)] ? i : kOutside);
  }
  while (!plane.columns.empty() && plane.columns.back() == kOutside) plane.columns.pop_back();
}

void WindowPlanes::find_row_positions() {
  row_positions_ = g_.out_width;
  for (const Plane& plane : planes_) {
    const auto first = std::find_if(plane.columns.begin(), plane.columns.end(),
                                    [](int64_t column) { return column != kOutside; });
    const int64_t padding = first - plane.columns.begin();
    // The padding of the next row is read as that after this one.
    row_positions_ = std::max({row_positions_, static_cast<int64_t>(plane.columns.size()),
                               g_.out_width + plane.columns_beside - padding});
  }
  for (Plane& plane : planes_)
    plane.columns.resize(static_cast<std::size_t>(row_positions_), kOutside);
  for (int64_t tap = 0; tap < tap_count(); ++tap) {
    const TapPlace from = place(tap);
    taps_.push_back({plane_of(from), from.row * row_positions_ + from.column, tap});
    longest_shift_ = std::max(longest_shift_, taps_.back().shift);
  }
  std::stable_sort(taps_.begin(), taps_.end(),
                   [](const Tap& a, const Tap& b) { return a.plane < b.plane; });
}

int64_t WindowPlanes::copied_row_elements() const {
  return ((g_.out_width - 1) * g_.stride.width + g_.kernel_size.width) * g_.in_channels;
}

int64_t WindowPlanes::copied_elements(int64_t positions) const {
  // Rows at both ends may be parts.
  return joins_columns_ ? (positions / row_positions_ + 2) * copied_row_elements() : 0;
}

// A row of a plane in the image, or null.
const uint16_t* WindowPlanes::image_row(const uint16_t* x, const RowRun& run, const Plane& plane,
                                        int64_t row) const {
  if (row >= run.count + plane.rows_below) return nullptr;
  const int64_t image = (spans_images() ? run.first + row : run.first) / g_.out_height;
  const int64_t output_row = run.first + row - image * g_.out_height;
  const int64_t place = output_row * g_.stride.height + plane.row - g_.top;
  if (place < 0 || place >= g_.in_height || !row_is_read_[static_cast<std::size_t>(place)])
    return nullptr;
  return x + (image * g_.in_height + place) * g_.in_width * g_.in_channels;
}

// With zeros beside it.
const uint16_t* WindowPlanes::copy_row(const uint16_t* source, uint16_t*& copies) const {
  uint16_t* const target = copies;
  const int64_t size = copied_row_elements();
  const int64_t before = std::min(g_.left * g_.in_channels, size);
  const int64_t within = std::min(g_.in_width * g_.in_channels, size - before);
  std::fill_n(target, before, uint16_t{0});
  std::copy_n(source, within, target + before);
  std::fill_n(target + before + within, size - before - within, uint16_t{0});
  copies += size;
  return target;
}

void WindowPlanes::list_pixels(const uint16_t* x, const RowRun& run, int64_t index, int64_t first,
                               int64_t count, const uint16_t* zeros, uint16_t*& copies,
                               const uint16_t** pixels) const {
  const Plane& plane = planes_[static_cast<std::size_t>(index)];
  int64_t row = first / row_positions_, column = first % row_positions_;
  for (; count > 0; ++row, column = 0) {
    const int64_t last = std::min(row_positions_, column + count);
    count -= last - column;
    const uint16_t* source = image_row(x, run, plane, row);
    if (!source) {
      pixels = std::fill_n(pixels, last - column, zeros);
    } else if (joins_columns_) {
      source = copy_row(source, copies);
      for (; column < last; ++column)
        *pixels++ = source + column * g_.stride.width * g_.in_channels;
    } else {
      const int64_t* const columns = plane.columns.data();
      for (; column < last; ++column)
        *pixels++ = columns[column] < 0 ? zeros : source + columns[column] * g_.in_channels;
    }
  }
}

void WindowPlanes::list_gradients(const uint16_t* grad_output, const RowRun& run, int64_t first,
                                  int64_t count, const uint16_t* zeros,
                                  const uint16_t** pixels) const {
  int64_t row = first / row_positions_, column = first % row_positions_;
  for (; count > 0; ++row, column = 0) {
    const int64_t last = std::min(row_positions_, column + count);
    count -= last - column;
    const int64_t end = row < run.count ? std::min(last, g_.out_width) : column;
    const uint16_t* const source = grad_output + (run.first + row) * g_.out_width * g_.out_channels;
    for (; column < end; ++column) *pixels++ = source + column * g_.out_channels;
    if (column < last) pixels = std::fill_n(pixels, last - column, zeros);
  }
}

}  // namespace cnnx::ops
