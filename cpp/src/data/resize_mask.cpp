// Resizes masks to the nearest labels, in the same place as resize_image() does images.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnnx/preprocessing.h"
#include "data/placement.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace {

constexpr int64_t kMostSide = int64_t{1} << 20;

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

}  // namespace

void resize_mask(const uint8_t* labels, int64_t from_height, int64_t from_width, int64_t height,
                 int64_t width, Resize resize, uint8_t* output) {
  for (const int64_t side : {from_height, from_width, height, width}) {
    if (side < 1 || side > kMostSide) {
      throw std::invalid_argument("resize_mask: a side is " + std::to_string(side) +
                                  ", expected 1 to " + std::to_string(kMostSide));
    }
  }
  if (!labels || !output)
    throw std::invalid_argument("resize_mask: labels or output is a null pointer");
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

}  // namespace cnnx
