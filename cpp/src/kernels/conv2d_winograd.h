// Inner loops of Winograd's convolution: F(2x2, 3x3), F(4x4, 3x3), F(2x2, 5x5), F(4x4, 2x2) and
// F(4x4, 4x4). Tiles of the target image, 2x2 or 4x4 pixels, are computed from as many points as
// they read pixels, 4x4 to 7x7. The tile's source pixels are transformed, multiplied point by point
// with transformed weights, which is one matrix product over the channels for every point, and
// transformed back.
#pragma once

#include <stdint.h>

#include "kernels/cache_line.h"
#include "kernels/conv2d_epilogue.h"
#include "kernels/declare.h"

namespace cnnx {

// The source and target images of windows: x and output in the forward pass, grad_output and
// grad_input for the input gradient. The window of target pixel (0, 0) begins at source pixel
// (first_row, first_column), which may lie outside.
struct WinogradShape {
  int64_t source_height, source_width, source_channels;
  int64_t first_row, first_column;
  int64_t target_height, target_width, target_channels;
  int64_t groups;  // if several, each is a multiple of the vectors of every instruction set
  bool fetches;    // images are not in a second-level cache and are prefetched
  int64_t stride = 1;
  int64_t dilation = 1;  // between the target pixels of a tile

  constexpr int64_t step() const { return stride * dilation; }  // between its source pixels
  constexpr int64_t group_inputs() const { return source_channels / groups; }
  constexpr int64_t group_outputs() const { return target_channels / groups; }
};

// Tiles of a target image. With dilation they cover every dilation-th pixel: the target is as many
// maps along each axis, unless it has fewer pixels, each with the tiles of the largest one.
constexpr int64_t winograd_maps_along(int64_t size, int64_t dilation) {
  return size < dilation ? size : dilation;
}
constexpr int64_t winograd_tiles_along(int64_t size, int64_t outputs, int64_t dilation) {
  return ((size + dilation - 1) / dilation + outputs - 1) / outputs;
}
constexpr int64_t winograd_tile_count(int64_t height, int64_t width, int64_t outputs,
                                      int64_t dilation) {
  return winograd_maps_along(height, dilation) * winograd_tiles_along(height, outputs, dilation) *
         winograd_maps_along(width, dilation) * winograd_tiles_along(width, outputs, dilation);
}

// Tiles [first, first + count), counted over the images of a batch, in row-major order of each map.
struct WinogradTiles {
  int64_t first, count;
};

// The taps of a kernel that a transform covers. A kernel that is larger than the transforms'
// kernels is a sum of parts: each part reads the source further on, and its inputs follow those of
// the parts before it, as if they were more channels. Taps beyond the kernel are zero.
struct WinogradPart {
  int64_t kernel_side;
  int64_t row, column;  // of the first tap
  int64_t first_input;  // of all parts' inputs
  int64_t step = 1;     // between taps

  constexpr bool contains(int64_t tap_row, int64_t tap_column) const {
    return row + tap_row * step < kernel_side && column + tap_column * step < kernel_side;
  }
  constexpr int64_t tap(int64_t tap_row, int64_t tap_column) const {
    return (row + tap_row * step) * kernel_side + column + tap_column * step;
  }
};

// The layout of a group's weights: those of input k and output column are at k * k_step + column *
// column_step of their tap; one of the two steps is 1. `flipped` reverses the taps, as the input
// gradient needs.
struct WinogradWeight {
  int64_t inputs, outputs;  // inputs of all parts
  int64_t k_step, column_step;
  int64_t tap_step;
  bool flipped;
};

// The inputs that a product covers: those of all parts, or fewer at the points of the last row and
// column. These are the products of the last taps alone, which some parts of a kernel do not have.
struct WinogradInputs {
  struct Range {
    int64_t first, last;
    constexpr int64_t count() const { return last - first; }
  };
  Range inner, last_column, last_row, corner;

  static constexpr WinogradInputs all(int64_t inputs) {
    return {{0, inputs}, {0, inputs}, {0, inputs}, {0, inputs}};
  }
  constexpr int64_t count() const { return inner.last; }
  constexpr const Range& at(int64_t point, int64_t side) const {
    const bool in_row = point / side + 1 == side, in_column = point % side + 1 == side;
    return in_row ? in_column ? corner : last_row : in_column ? last_column : inner;
  }
};

// Target channels [first, last) that are computed together. `first` is a multiple of
// kWinogradColumns, and `last` too unless it is the end. With several groups they are all columns.
struct WinogradColumns {
  int64_t first, last;
  constexpr int64_t count() const { return last - first; }
};
constexpr int64_t kWinogradColumns = 32;

// Values of all points: for every point a matrix, whose rows are tiles or inputs. An additional
// cache line between matrices keeps the same element of all matrices out of one cache set.
struct WinogradPlanes {
  float* data;
  int64_t row_floats, plane_floats;

  constexpr WinogradPlanes at(int64_t row, int64_t column) const {
    return {data + row * row_floats + column, row_floats, plane_floats};
  }
};
constexpr int64_t winograd_row_floats(int64_t columns) { return (columns + 15) / 16 * 16; }
constexpr WinogradPlanes winograd_planes(float* data, int64_t rows, int64_t columns) {
  const int64_t row_floats = winograd_row_floats(columns);
  return {data, row_floats, rows * row_floats + kCacheLine<float>};
}
constexpr int64_t winograd_planes_floats(int64_t points, int64_t rows, int64_t columns) {
  return points * winograd_planes(nullptr, rows, columns).plane_floats;
}
// Rounding errors grow with the products in a chain, and with 7x7 points twice as fast as with
// others. Their chains are divided and added up.
constexpr bool winograd_divides_chains(int64_t points) { return points == 49; }
// Adding up takes one more plane.
constexpr int64_t winograd_products_floats(int64_t points, int64_t rows, int64_t columns) {
  return winograd_planes_floats(points + winograd_divides_chains(points), rows, columns);
}

// Transformed weights of a group: per block of columns and per point a panel (see tile.h) and an
// additional cache line.
constexpr int64_t winograd_weight_floats(int64_t points, int64_t inputs, int64_t outputs) {
  return points * (inputs * winograd_row_floats(outputs) + (outputs + 7) / 8 * kCacheLine<float>);
}

// Weights to multiply, and whether a second-level cache holds them. If not, each panel is
// prefetched while the one before it is multiplied.
struct WinogradPanels {
  const float* data;
  bool cached;
};

struct WinogradKernels {
  // The start of the panels of `column`, a multiple of kWinogradColumns, after those of column 0.
  int64_t (*panels_offset)(int64_t inputs, int64_t column);
  // panels <- some of a group's weights: from a part's inputs [first, last) to outputs `columns`;
  // `panels` is the start for the first of these columns.
  void (*transform_weight)(const WinogradWeight& shape, const WinogradPart& part,
                           const float* weight, int64_t first, int64_t last,
                           WinogradColumns columns, float* panels);
  // planes <- the tiles' source pixels, all channels.
  void (*transform_input)(const WinogradShape& shape, const float* source, WinogradTiles tiles,
                          const WinogradPlanes& planes);
  // A group's products <- its planes (tiles, inputs) times panels (inputs, columns); added unless
  // `fresh`.
  void (*multiply)(const WinogradPlanes& planes, int64_t tiles, const WinogradInputs& inputs,
                   const WinogradPanels& panels, int64_t columns, bool fresh,
                   const WinogradPlanes& products);
  // The tiles' `columns` in target <- products.
  void (*put_output)(const WinogradShape& shape, const WinogradPlanes& products,
                     WinogradTiles tiles, WinogradColumns columns, const ForwardEpilogue& epilogue,
                     float* target);
  void (*put_gradient)(const WinogradShape& shape, const WinogradPlanes& products,
                       WinogradTiles tiles, WinogradColumns columns,
                       const GradientEpilogue& epilogue, float* target);
};

// F(2x2, 3x3), F(4x4, 3x3), F(2x2, 5x5), F(4x4, 2x2) and F(4x4, 4x4).
CNNX_DECLARE_KERNELS(WinogradKernels, winograd2_kernels)
CNNX_DECLARE_KERNELS(WinogradKernels, winograd4_kernels)
CNNX_DECLARE_KERNELS(WinogradKernels, winograd2_of_5_kernels)
CNNX_DECLARE_KERNELS(WinogradKernels, winograd4_of_2_kernels)
CNNX_DECLARE_KERNELS(WinogradKernels, winograd4_of_4_kernels)

}  // namespace cnnx
