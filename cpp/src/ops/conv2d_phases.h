// The windows of a convolution's two passes: target pixels grouped by their taps.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/conv2d.h"
#include "kernels/conv2d.h"

namespace cnnx::ops {

// Target pixels along one axis with the same taps: all of them in forward. An input gradient of
// stride s has phases of pixels s apart, because each tap of the kernel meets only every s-th
// pixel.
struct Phase {
  int64_t first, count;  // target pixels first + i * step
  WindowAxis window;     // on the source
  int64_t kernel_first,
      kernel_step;  // tap t is kernel row (or column) kernel_first + t * kernel_step
};

// Target columns of a phase side by side, first + i of it, whose windows use the same taps.
struct Segment {
  int64_t first, count;
  int64_t first_tap, taps;
};

// With wide dilation, segments whose windows lie inside an image of `size` columns, so that no
// product has a zero beside it and no copy with zeros is needed; or the phase as a whole, where
// segments would not fill tiles.
std::vector<Segment> column_segments(const Phase& phase, int64_t size);

enum class PassDirection { forward, input_gradient };

// The images and windows of one pass.
struct PassGeometry {
  int64_t batch, groups;
  int64_t source_height, source_width, source_channels;
  int64_t target_height, target_width, target_channels;
  int64_t group_inputs, group_outputs;  // of the source and of the target
  Pair kernel_size;
  Pair step;  // between the pixels of a phase
  std::vector<Phase> vertical, horizontal;
  bool flipped;  // an input gradient: the weights' outputs are the source's channels

  int64_t source_floats() const { return source_height * source_width * source_channels; }
  int64_t target_floats() const { return target_height * target_width * target_channels; }
  int64_t target_row_floats() const { return target_width * target_channels; }
  int64_t tap_floats() const { return group_inputs * target_channels; }  // weights of one tap
  int64_t weight_floats() const { return kernel_size.height * kernel_size.width * tap_floats(); }
  // Multiply-adds of one image, including those with padding.
  int64_t image_multiply_adds() const {
    const int64_t windows = flipped ? source_height * source_width : target_height * target_width;
    return windows * weight_floats();
  }
  // Whether some target pixels are outside every tap.
  bool has_gaps() const;
};

PassGeometry pass_geometry(const Conv2dGeometry& geometry, PassDirection direction);

// Pixels in [begin, end) outside every tap <- the bias (null: zero), after the ReLU.
void fill_unseen(float* begin, float* end, const float* bias, bool relu, float ceiling,
                 int64_t channels);

}  // namespace cnnx::ops
