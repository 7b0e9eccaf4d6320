// Resizes masks to the nearest labels, in the same place as resize_image() does images, and back.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnnx/preprocessing.h"
#include "data/placement.h"
#include "runtime/check_settings.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace {

constexpr uint8_t kNoClass = 255;

void check(const char* function, const uint8_t* labels, const uint8_t* output,
           std::initializer_list<int64_t> sides, Resize resize) {
  for (const int64_t side : sides) {
    if (side >= 1 && side <= data::kMostSide) continue;
    throw std::invalid_argument(std::string(function) + ": a side is " + std::to_string(side) +
                                ", expected 1 to " + std::to_string(data::kMostSide));
  }
  if (!labels || !output) {
    throw std::invalid_argument(std::string(function) +
                                ": labels or output is a null pointer, expected arrays");
  }
  runtime::check_named(std::string(function) + ": ", "resize", resize, kResizes);
}

// Added to a centre, so that one between two pixels is in the second, however it was rounded.
constexpr double kTie = 1e-9;

// The source pixels that contain the centres of the target pixels.
std::vector<int64_t> nearest(const data::Span& span, int64_t size) {
  std::vector<int64_t> pixels(runtime::checked_size<int64_t>(span.count));
  for (int64_t i = 0; i < span.count; ++i) {
    const int64_t pixel = static_cast<int64_t>(std::floor(data::center_of(span, i) + kTie));
    pixels[static_cast<std::size_t>(i)] = std::clamp<int64_t>(pixel, 0, size - 1);
  }
  return pixels;
}

// The inverse: the target pixels that contain the centres of the source pixels, -1 for those that
// a crop leaves out.
std::vector<int64_t> containing(const data::Span& span, int64_t size) {
  std::vector<int64_t> pixels(runtime::checked_size<int64_t>(size));
  for (int64_t i = 0; i < size; ++i) {
    const double place = (static_cast<double>(i) + 0.5 - span.from) / data::scale_of(span) + kTie;
    const bool is_inside = place >= 0 && place < static_cast<double>(span.count);
    pixels[static_cast<std::size_t>(i)] = is_inside ? span.first + static_cast<int64_t>(place) : -1;
  }
  return pixels;
}

}  // namespace

void resize_mask(const uint8_t* labels, int64_t from_height, int64_t from_width, int64_t height,
                 int64_t width, Resize resize, uint8_t* output) {
  check("resize_mask", labels, output, {from_height, from_width, height, width}, resize);
  const data::Placement placement = data::place(from_height, from_width, height, width, resize);
  const std::vector<int64_t> rows = nearest(placement.rows, from_height);
  const std::vector<int64_t> columns = nearest(placement.columns, from_width);
  std::fill_n(output, height * width, uint8_t{0});
  uint8_t* row = output + placement.rows.first * width + placement.columns.first;
  for (const int64_t y : rows) {
    const uint8_t* source = labels + y * from_width;
    std::transform(columns.begin(), columns.end(), row, [&](int64_t x) { return source[x]; });
    row += width;
  }
}

void restore_mask(const uint8_t* labels, int64_t height, int64_t width, int64_t image_height,
                  int64_t image_width, Resize resize, uint8_t* output) {
  check("restore_mask", labels, output, {height, width, image_height, image_width}, resize);
  const data::Placement placement = data::place(image_height, image_width, height, width, resize);
  const std::vector<int64_t> rows = containing(placement.rows, image_height);
  const std::vector<int64_t> columns = containing(placement.columns, image_width);
  for (const int64_t y : rows) {
    for (const int64_t x : columns) *output++ = y < 0 || x < 0 ? kNoClass : labels[y * width + x];
  }
}

}  // namespace cnnx
