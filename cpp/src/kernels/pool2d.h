// The windows of a pooling on one image, shared by the pooling kernels. The loops are in
// pool2d_loops.h.
#pragma once

#include <stdint.h>

namespace cnnx {

// Of one contiguous image (height, width, channels). A window is clipped to the pixels inside it.
struct PoolWindows {
  int64_t in_height, in_width, channels;
  int64_t out_height, out_width;
  int64_t kernel_height, kernel_width;
  int64_t stride_height, stride_width;
  int64_t dilation_height, dilation_width;
  int64_t top, bottom, left, right;
};

}  // namespace cnnx
