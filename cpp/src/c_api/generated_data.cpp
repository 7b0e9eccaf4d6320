// The generated data sets in C.
#include "c_api/status.h"
#include "cnnx/shapes.h"
#include "cnnx/xo.h"

using cnnx::c_api::Call;
using cnnx::c_api::guarded;

cnnx_status cnnx_draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels,
                         int64_t* labels) {
  return guarded(__func__, [&](const Call& call) {
    if (count > 0) {
      call.not_null(pixels, "pixels");
      call.not_null(labels, "labels");
    }
    cnnx::draw_xo(count, size, seed, pixels, labels);
  });
}

cnnx_status cnnx_draw_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                             uint8_t* pixels, uint8_t* masks) {
  return guarded(__func__, [&](const Call& call) {
    if (count > 0) {
      call.not_null(pixels, "pixels");
      call.not_null(masks, "masks");
    }
    cnnx::draw_shapes(count, height, width, seed, pixels, masks);
  });
}

cnnx_status cnnx_draw_single_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                                    uint8_t* pixels, int64_t* labels, float* boxes) {
  return guarded(__func__, [&](const Call& call) {
    if (count > 0) {
      call.not_null(pixels, "pixels");
      call.not_null(labels, "labels");
      call.not_null(boxes, "boxes");
    }
    cnnx::draw_single_shapes(count, height, width, seed, pixels, labels, boxes);
  });
}
