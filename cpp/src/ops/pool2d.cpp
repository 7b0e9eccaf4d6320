// Checks the placement of a pooling's windows.
#include "ops/pool2d.h"

#include <limits>
#include <string>

#include "ops/image_shape.h"
#include "ops/window_placement.h"

namespace cnnx::ops {
namespace {

void check_side(const char* function, const char* side, int64_t padding, const char* axis,
                int64_t kernel) {
  if (padding >= 0 && padding < kernel) return;
  refuse(function, std::string("padding at the ") + side + " is " + std::to_string(padding) +
                       ", expected 0 or more and less than the window's " + axis + ", " +
                       std::to_string(kernel));
}

int64_t extent_of(int64_t kernel, int64_t dilation) { return (kernel - 1) * dilation + 1; }

void check_padding(const char* function, const Padding& padding, Pair extent) {
  if (padding.rule != Padding::Rule::explicit_sides) return;
  check_side(function, "top", padding.top, "height", extent.height);
  check_side(function, "bottom", padding.bottom, "height", extent.height);
  check_side(function, "left", padding.left, "width", extent.width);
  check_side(function, "right", padding.right, "width", extent.width);
}

// The windows along an axis. In ceil mode one more if the last one ends before the padding does and
// the next one begins inside the image or the padding before it.
WindowPlacement place_pool_windows(int64_t size, int64_t extent, int64_t stride,
                                   const Padding& padding, bool vertical, bool ceil_mode) {
  WindowPlacement placed =
      place_windows(size, extent, stride, padding.rule, vertical ? padding.top : padding.left,
                    vertical ? padding.bottom : padding.right);
  const int64_t next = placed.output * stride;  // its first pixel, from the first one of padding
  const int64_t next_end = next + extent, end = placed.before + size + placed.after;
  if (ceil_mode && next_end - end < stride && next < placed.before + size) ++placed.output;
  return placed;
}

// Whether every window reads a pixel of the image. Of windows that begin in the padding a dilation
// may leave out the image.
bool all_read_the_image(const WindowPlacement& placed, int64_t size, int64_t kernel, int64_t stride,
                        int64_t dilation) {
  int64_t begin = -placed.before;
  for (int64_t i = 0; i < placed.output && begin < 0; ++i, begin += stride) {
    const int64_t skipped = (-begin + dilation - 1) / dilation;
    if (skipped >= kernel || begin + skipped * dilation >= size) return false;
  }
  return true;
}

}  // namespace

Pool2dGeometry pool2d_geometry(const char* function, const Shape& x,
                               const Pool2dSettings& settings) {
  const auto& [kernel_size, stride, padding, dilation, ceil_mode] = settings;
  check_image_shape(function, x);
  check_positive(function, "kernel_size", kernel_size);
  check_positive(function, "stride", stride);
  check_positive(function, "dilation", dilation);
  // The kernels number a window's pixels in 32 bits.
  const int64_t pixels = std::min(kernel_size.height, x[1]) * std::min(kernel_size.width, x[2]);
  if (pixels > std::numeric_limits<int32_t>::max()) {
    refuse(function,
           "kernel_size is " + describe(kernel_size) + ", expected at most 2147483647 pixels");
  }
  const Pair extent = {extent_of(kernel_size.height, dilation.height),
                       extent_of(kernel_size.width, dilation.width)};
  check_padding(function, padding, extent);
  const WindowPlacement vertical =
      place_pool_windows(x[1], extent.height, stride.height, padding, true, ceil_mode);
  const WindowPlacement horizontal =
      place_pool_windows(x[2], extent.width, stride.width, padding, false, ceil_mode);
  if (vertical.output < 1 || horizontal.output < 1) {
    const bool dilated = dilation.height != 1 || dilation.width != 1;
    refuse(function, "kernel_size is " + describe(kernel_size) +
                         (dilated ? " with dilation " + describe(dilation) : "") +
                         ", expected at most the input's " + describe(Pair{x[1], x[2]}) +
                         " with its padding");
  }
  if (!all_read_the_image(vertical, x[1], kernel_size.height, stride.height, dilation.height) ||
      !all_read_the_image(horizontal, x[2], kernel_size.width, stride.width, dilation.width)) {
    refuse(function, "dilation is " + describe(dilation) + ", expected windows of " +
                         describe(kernel_size) +
                         " that each read a pixel of the image, not padding alone");
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
  geometry.dilation = dilation;
  geometry.top = vertical.before;
  geometry.bottom = vertical.after;
  geometry.left = horizontal.before;
  geometry.right = horizontal.after;
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
          g.dilation.height,
          g.dilation.width,
          g.top,
          g.bottom,
          g.left,
          g.right};
}

}  // namespace cnnx::ops
