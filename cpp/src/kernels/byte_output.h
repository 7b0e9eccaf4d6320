// The end of arithmetic in floats between arrays of bytes. Included by kernel files only.
#pragma once

#include "kernels/byte_vector.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Stores the shifted and limited vector as bytes or floats, its first `count` lanes.
class ByteOutput {
 public:
  explicit ByteOutput(const QuantizedEpilogue& e)
      : output_(e.output),
        float_output_(e.float_output),
        shift_(broadcast(e.shift)),
        least_(broadcast(e.least)),
        most_(broadcast(e.most)) {}

  CNNX_INLINE void store_at(int64_t element, Vector y, int64_t count) const {
    y = at_most(most_, at_least(least_, y + shift_));
    if (output_) {
      store_bytes(output_ + element, rounded(y), count);
    } else if (count >= kLanes) {
      store(float_output_ + element, y);
    } else {
      store_partial(float_output_ + element, y, count);
    }
  }

 private:
  uint8_t* output_;
  float* float_output_;
  Vector shift_, least_, most_;
};

// Calls body(first, count) for vectors that cover `size` elements. The last one may overlap the one
// before it, so an output must not overwrite an input.
template <int vectors = 1, class Body>
CNNX_INLINE void for_overlapping_vectors(int64_t size, const Body& body) {
  constexpr int64_t kStep = vectors * kLanes;
  if (size < kStep) return body(0, size);
  int64_t first = 0;
  for (; first + kStep < size; first += kStep) body(first, kStep);
  body(size - kStep, kStep);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
