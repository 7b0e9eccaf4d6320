// Checks and loops shared by both poolings above their kernels; not an op of its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cnnx/pool2d.h"
#include "kernels/pool2d.h"
#include "ops/layer_description.h"
#include "ops/settings.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// The settings that both poolings have.
struct Pool2dSettings {
  Pair kernel_size, stride;
  Padding padding;
  Pair dilation;
  bool ceil_mode;

  static Pool2dSettings of(const CheckedSettings& settings) {
    return {settings.pair("kernel_size"), settings.pair("stride"), settings.padding("padding"),
            settings.pair("dilation"), settings.boolean("ceil_mode")};
  }
};

// Their descriptions, in the order of a layer's settings.
inline constexpr SettingInfo kPoolWindow = pair("kernel_size", 1, "size of the window");
inline constexpr SettingInfo kPoolStride =
    pair("stride", 1, "step of the window").same_as("kernel_size");
inline constexpr SettingInfo kPoolDilation =
    pair("dilation", 1, "step between the pixels of a window").otherwise(1).omit_default();
inline constexpr SettingInfo kPoolCeilMode =
    boolean("ceil_mode", "whether a last window may extend beyond the padding")
        .otherwise(false)
        .omit_default();

// The geometry of a pooling named `function` in errors; throws std::invalid_argument.
Pool2dGeometry pool2d_geometry(const char* function, const Shape& x,
                               const Pool2dSettings& settings);

PoolWindows windows_of_one_image(const Pool2dGeometry& geometry);

// Floats moved in about 20 microseconds, memory-bound: below this a second thread costs more than
// it gains.
constexpr int64_t kPoolGrainFloats = 64 * 1024;

// Calls body(image, first row, end row), or with the thread's slot as a fourth argument, to cover
// `rows` rows of each image once, in pieces for threads. `row_floats` is the number of floats that
// a row moves.
template <class Body>
void parallel_for_rows(int threads, int64_t images, int64_t rows, int64_t row_floats,
                       const Body& body) {
  const int64_t grain = kPoolGrainFloats / std::max<int64_t>(1, row_floats) + 1;
  runtime::parallel_for(threads, images * rows, grain, [&](int64_t begin, int64_t end, int slot) {
    while (begin < end) {
      const int64_t image = begin / rows, first = begin % rows;
      const int64_t last = std::min(rows, first + end - begin);
      if constexpr (std::is_invocable_v<Body, int64_t, int64_t, int64_t, int>) {
        body(image, first, last, slot);
      } else {
        static_cast<void>(slot);
        body(image, first, last);
      }
      begin += last - first;
    }
  });
}

}  // namespace cnnx::ops
