// Inner loops of the direct convolution: windows over bands of image rows, and the sums of its
// weight gradient. The op divides the work into bands.
#pragma once

#include <stdint.h>

#include "kernels/bias_gradient.h"
#include "kernels/cache_line.h"
#include "kernels/declare.h"
#include "kernels/relu.h"

namespace cnnx {

// The placement of windows on an image along one axis: tap t of window i is at origin + i * stride
// + t * dilation.
struct WindowAxis {
  int64_t origin, stride, taps, dilation;
};

// The image that windows read, (height, width, channels) in memory without gaps. Taps in rows
// outside are skipped. Taps in columns outside read zeros: where columns [first_column,
// last_column) exceed the width, a copy with zeros replaces the image.
struct WindowedImage {
  int64_t height, width, channels;
  int64_t first_column, last_column;
};

// Outputs with the same taps: rows x columns of them, from (first_row, first_column) of the target
// on.
struct ConvolutionPass {
  WindowAxis vertical, horizontal;
  int64_t rows, columns;
  int64_t first_row, first_column;
  // The start of its panels: per group panel_floats(taps * group_inputs, group_outputs), where each
  // row of taps has panel_taps, of which the pass uses those from first_tap on.
  int64_t panels_offset, first_tap, panel_taps;
};

// All passes of a convolution. Output (i, j) of a pass is target pixel (first_row + i * row_step,
// first_column + j * column_step).
struct Convolution {
  WindowedImage source;
  int64_t target_width, target_channels;
  int64_t row_step, column_step;
  int64_t groups, group_inputs, group_outputs;
  const ConvolutionPass* passes;
  int64_t pass_count;
};

// Rows [first, last) of every pass, of one image, and blocks of output channels [first_block,
// last_block), counted over all groups.
struct ConvolutionBand {
  const float* source;
  const float* panels;
  const float* bias;  // null: chains start at zero, or at the target's values if `accumulate`
  bool accumulate;
  bool relu;  // results below zero are stored as zero
  int64_t first, last;
  int64_t first_block, last_block;
  float* scratch;  // copy of the band's source rows, if one is needed
  float* target;
  int64_t target_row;  // the image row at which `target` begins
  // Or null: another array in the target's layout, added before the ReLU.
  const float* addend = nullptr;
  float ceiling = kNoCeiling;  // of the ReLU
};

// A band's part of the weight gradient: for every tap and input channel, sums of input times
// gradient over `rows` rows of outputs of each of `images` images; several images only if the rows
// are all rows.
struct WeightGradientBand {
  WindowedImage source;
  WindowAxis vertical, horizontal;  // vertical.origin belongs to the band's first output row
  int64_t groups, group_inputs, group_outputs;
  const float* input;     // of the first image
  const float* gradient;  // of the first row of the band
  // Ends of the whole batch: the data after the band are those of the next band, and are
  // prefetched.
  const float *input_end, *gradient_end;
  int64_t gradient_image_floats;
  int64_t images, rows, columns;
  int64_t first_block, last_block;  // column blocks of this part, counted over all groups
  bool reads_pixels;                // every window is one pixel of the image
  bool packs_input;                 // and `input_copy` has the size of the band's pixels
  float* input_copy;                // of the source rows, if one is needed
  float* gradient_panel;            // scratch: images * rows * columns * kPanelBlockFloats
  // In the layout of the panels of a forward pass or, if sums_step is not 0, in that of the
  // weights, sums_step floats from one input channel to the next.
  float* sums;
  int64_t sums_step;
  bool first;  // sums begin at zero
};

// Weights of one tap of one group: source[k * k_step + column * column_step] for `inputs` k and
// `outputs` columns. One of the two steps is 1.
struct WeightTap {
  const float* source;
  int64_t tap, taps;  // index of the tap, number of taps in the group's panel
  int64_t inputs, k_step;
  int64_t outputs, column_step;
};

struct Conv2dKernels {
  // Packs blocks of columns [first_block, last_block) of a tap into the group's panel.
  void (*pack_tap)(const WeightTap& tap, int64_t first_block, int64_t last_block, float* panel);
  void (*convolve)(const Convolution& convolution, const ConvolutionBand& band);
  // For passes with vectors along the pixels, with ReLU and 2x2 max pooling as in ForwardEpilogue:
  // the band has an even number of rows, and its target is the first pooled row.
  void (*convolve_pooled)(const Convolution& convolution, const ConvolutionBand& band,
                          uint8_t* argmax);
  // Blocks of columns in one group, the unit by which weights and their gradient are divided.
  int64_t (*blocks)(int64_t group_outputs);
};

// One group's panels of sums, of every chunk.
struct WeightSums {
  const float* panel;  // of the first chunk
  int64_t chunks, chunk_floats;
  int64_t depth, outputs;
};

struct Conv2dGradientKernels {
  void (*add_weight_gradient)(const WeightGradientBand& band);
  // target[k][column] (+)= sums of all chunks, in order, for k in [begin, end); rows of the
  // target are target_step apart.
  void (*reduce)(const WeightSums& sums, int64_t begin, int64_t end, bool accumulate, float* target,
                 int64_t target_step);
  // See kernels/bias_gradient.h.
  void (*add_bias_gradient)(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                            float* sums);
  void (*reduce_bias_gradient)(const float* sums, int64_t chunks, int64_t chunk_floats,
                               int64_t channels, bool accumulate, float* target);
};

// Columns of a panel's block in the widest instruction set.
constexpr int64_t kPanelBlockFloats = 32;

// Floats of a panel: columns in whole vectors of the widest instruction set.
constexpr int64_t panel_floats(int64_t depth, int64_t columns) {
  return depth * ((columns + 15) / 16 * 16);
}

// Floats of the copy of `rows` rows of an image, 0 if windows read the image itself.
constexpr int64_t copied_floats(const WindowedImage& image, int64_t rows) {
  return image.first_column >= 0 && image.last_column <= image.width
             ? 0
             : (rows < image.height ? rows : image.height) *
                   (image.last_column - image.first_column) * image.channels;
}

// Pixels of a strip: enough passes over a depth block of the panel to pay for loading it, few
// enough for source and target to stay in the cache.
constexpr int64_t kStripPixels = 126;

// Whether a 1x1 kernel reads a copy of its pixels, with a cache line between them. With a stride,
// pixels lie apart in memory and rows of few of them fill no tiles, which costs more than a copy
// that many outputs read. Pixels at multiples of 4 KB fall into one set of a first-level cache,
// which holds fewer of them than a tile reads.
constexpr int64_t kAliasedFloats = 1024, kLeastOutputsOfCopy = 64;
constexpr bool copies_pixels(const Convolution& c) {
  if (c.pass_count != 1 || c.groups != 1) return false;
  const WindowAxis &v = c.passes[0].vertical, &h = c.passes[0].horizontal;
  const bool apart = (v.stride > 1 || h.stride > 1) && c.group_outputs >= kLeastOutputsOfCopy;
  return v.taps == 1 && h.taps == 1 &&
         (apart || h.stride * c.source.channels % kAliasedFloats == 0);
}
// Floats of the copy of one strip.
constexpr int64_t pixel_copy_floats(const Convolution& c) {
  if (!copies_pixels(c)) return 0;
  const int64_t columns = c.passes[0].columns;
  return (columns < kStripPixels ? kStripPixels : columns) *
         (c.source.channels + kCacheLine<float>);
}

// Input positions spanned by `windows` windows.
constexpr int64_t spanned(const WindowAxis& axis, int64_t windows) {
  return (windows - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1;
}

constexpr int64_t last_place(const WindowAxis& axis, int64_t windows) {
  return axis.origin + spanned(axis, windows) - 1;
}

// Whether at most the first tap of the first window and the last tap of the last window lie outside
// the image: a forward pass then reads the image itself, and zeros for those two.
constexpr bool outside_by_one_tap(const WindowAxis& axis, int64_t windows, int64_t size) {
  const int64_t last = last_place(axis, windows);
  return (windows == 1 || (axis.origin + axis.stride >= 0 && last - axis.stride < size)) &&
         (axis.taps == 1 || (axis.origin + axis.dilation >= 0 && last - axis.dilation < size));
}

// Whether vectors run along the pixels: for a copied image with one channel, windows side by side,
// and so few outputs that vectors along them would be half empty.
constexpr int64_t kMostOutputsAlongPixels = 8;
constexpr bool runs_along_pixels(const Convolution& c) {
  return c.source.channels == 1 && c.group_outputs <= kMostOutputsAlongPixels &&
         c.pass_count == 1 && c.row_step == 1 && c.column_step == 1 &&
         c.passes[0].horizontal.stride == 1 && c.passes[0].horizontal.dilation == 1 &&
         copied_floats(c.source, 1) > 0;
}

CNNX_DECLARE_KERNELS(Conv2dKernels, conv2d_kernels)
CNNX_DECLARE_KERNELS(Conv2dGradientKernels, conv2d_gradient_kernels)

}  // namespace cnnx
