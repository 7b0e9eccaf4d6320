// What the kernels of both poolings share: their windows on one image. The loops are in
// pool2d_loops.h.
#pragma once

#include <stdint.h>

namespace cnnx {

// Of one image (height, width, channels), contiguous. A window is cut to the pixels that exist.
struct PoolWindows {
  int64_t in_height, in_width, channels;
  int64_t out_height, out_width;
  int64_t kernel_height, kernel_width;
  int64_t stride_height, stride_width;
  int64_t top, left;
};

}  // namespace cnnx
