// The X/O data set in C.
#include "cnnx/xo.h"

#include "c_api/status.h"

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
