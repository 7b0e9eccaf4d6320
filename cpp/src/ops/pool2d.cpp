// Checks the placement of a pooling's windows.
#include "ops/pool2d.h"

#include <limits>
#include <stdexcept>
#include <string>

#include "ops/image_shape.h"
#include "ops/window_placement.h"

namespace cnnx::ops {
namespace {

// Far above any real window, far below an overflow of sums and products of two.
constexpr int64_t kMost = int64_t{1} << 24;

[[noreturn]] void refuse(const char* function, const std::string& reason) {
  throw std::invalid_argument(std::string(function) + ": " + reason);
}

std::string describe(Pair pair) { return to_string(Shape{pair.height, pair.width}); }

void check_pair(const char* function, const char* name, Pair pair) {
  for (const int64_t value : {pair.height, pair.width}) {
    if (value >= 1 && value <= kMost) continue;
    refuse(function, std::string(name) + " is " + describe(pair) + ", expected 1 to " +
                         std::to_string(kMost) + " in height and width");
  }
}

void check_side(const char* function, const char* side, int64_t padding, const char* axis,
                int64_t kernel) {
  if (padding >= 0 && padding < kernel) return;
  refuse(function, std::string("padding at the ") + side + " is " + std::to_string(padding) +
                       ", expected 0 or more and less than the window's " + axis + ", " +
                       std::to_string(kernel));
}

}  // namespace

Pool2dGeometry pool2d_geometry(const char* function, const Shape& x, Pair kernel_size, Pair stride,
                               const Padding& padding) {
  check_image_shape(function, x);
  check_pair(function, "kernel_size", kernel_size);
  check_pair(function, "stride", stride);
  // The kernels number a window's pixels in 32 bits.
  const int64_t pixels = std::min(kernel_size.height, x[1]) * std::min(kernel_size.width, x[2]);
  if (pixels > std::numeric_limits<int32_t>::max()) {
    refuse(function,
           "kernel_size is " + describe(kernel_size) + ", expected at most 2147483647 pixels");
  }
  if (padding.rule == Padding::Rule::explicit_sides) {
    check_side(function, "top", padding.top, "height", kernel_size.height);
    check_side(function, "bottom", padding.bottom, "height", kernel_size.height);
    check_side(function, "left", padding.left, "width", kernel_size.width);
    check_side(function, "right", padding.right, "width", kernel_size.width);
  }
  const WindowPlacement vertical = place_windows(x[1], kernel_size.height, stride.height,
                                                 padding.rule, padding.top, padding.bottom);
  const WindowPlacement horizontal = place_windows(x[2], kernel_size.width, stride.width,
                                                   padding.rule, padding.left, padding.right);
  if (vertical.output < 1 || horizontal.output < 1) {
    refuse(function, "kernel_size is " + describe(kernel_size) + ", expected at most the input's " +
                         describe({x[1], x[2]}) + " with its padding");
  }
  Pool2dGeometry geometry;
  geometry.batch = x[0];
  geometry.in_height = x[1];
  geometry.in_width = x[2];
  geometry.channels = x[3];
  geometry.out_height = vertical.output;
  geometry.out_width = horizontal.output;
  geometry.kernel_size = kernel_size;
  geometry.stride = stride;
  geometry.top = vertical.before;
  geometry.left = horizontal.before;
  // Windows of stride 1 may outnumber the pixels.
  element_count(geometry.output_shape());
  return geometry;
}

PoolWindows windows_of_one_image(const Pool2dGeometry& g) {
  return {g.in_height,
          g.in_width,
          g.channels,
          g.out_height,
          g.out_width,
          g.kernel_size.height,
          g.kernel_size.width,
          g.stride.height,
          g.stride.width,
          g.top,
          g.left};
}

}  // namespace cnnx::ops
