// Checks and loops shared by both poolings above their kernels; not an op of its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cnnx/pool2d.h"
#include "kernels/pool2d.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// The geometry of a pooling named `function` in errors; throws std::invalid_argument.
Pool2dGeometry pool2d_geometry(const char* function, const Shape& x, Pair kernel_size, Pair stride,
                               const Padding& padding);

PoolWindows windows_of_one_image(const Pool2dGeometry& geometry);

// Floats moved in about 20 microseconds, memory-bound: below this a second thread costs more than
// it gains.
constexpr int64_t kPoolGrainFloats = 64 * 1024;

// Calls body(image, first row, end row) to cover `rows` rows of each image once, in pieces for
// threads. `row_floats` is the number of floats that a row moves.
template <class Body>
void parallel_for_rows(int threads, int64_t images, int64_t rows, int64_t row_floats,
                       const Body& body) {
  const int64_t grain = kPoolGrainFloats / std::max<int64_t>(1, row_floats) + 1;
  runtime::parallel_for(threads, images * rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t image = begin / rows, first = begin % rows;
      const int64_t last = std::min(rows, first + end - begin);
      body(image, first, last);
      begin += last - first;
    }
  });
}

}  // namespace cnnx::ops
