// One vector at a time, then the last elements.
#include "kernels/quantize.h"

#include "kernels/byte_vector.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

CNNX_INLINE ByteVector byte_of(Vector x, Vector scale, Vector zero_point) {
  const Vector least = -zero_point, most = broadcast(255.0f) - zero_point;
  const uint8_t zero = static_cast<uint8_t>(zero_point[0]);
  return rounded(at_most(most, at_least(least, x / scale))) + zero;
}
CNNX_INLINE Vector as_float(ByteVector bytes, Vector scale, Vector zero_point) {
  return (float_of(bytes) - zero_point) * scale;
}

// Calls body(first element, number of elements) for whole vectors and for the rest.
template <class Body>
CNNX_INLINE void for_each_vector(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) body(i, kLanes);
  if (i < count) body(i, count - i);
}
CNNX_INLINE Vector load_some(const float* source, int64_t count) {
  return count == kLanes ? load(source) : load_partial(source, count);
}
CNNX_INLINE void store_some(float* target, Vector value, int64_t count) {
  if (count == kLanes) {
    store(target, value);
  } else {
    store_partial(target, value, count);
  }
}

void to_bytes(const float* x, int64_t count, ByteScale how, uint8_t* bytes) {
  const Vector scale = broadcast(how.scale), zero_point = broadcast(how.zero_point);
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    store_bytes(bytes + i, byte_of(load_some(x + i, lanes), scale, zero_point), lanes);
  });
}

void to_floats(const uint8_t* bytes, int64_t count, ByteScale how, float* x) {
  const Vector scale = broadcast(how.scale), zero_point = broadcast(how.zero_point);
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    store_some(x + i, as_float(load_bytes(bytes + i, lanes), scale, zero_point), lanes);
  });
}

void round_trip(const float* x, int64_t count, ByteScale how, float* output) {
  const Vector scale = broadcast(how.scale), zero_point = broadcast(how.zero_point);
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    const ByteVector bytes = byte_of(load_some(x + i, lanes), scale, zero_point);
    store_some(output + i, as_float(bytes, scale, zero_point), lanes);
  });
}

void gradient(const float* grad_output, const float* x, int64_t count, ByteScale how,
              bool accumulate, float* grad_input) {
  for (int64_t i = 0; i < count; ++i) {
    const float byte = x[i] / how.scale + how.zero_point;
    const float own = byte >= 0.0f && byte <= 255.0f ? grad_output[i] : 0.0f;
    grad_input[i] = accumulate ? grad_input[i] + own : own;
  }
}

}  // namespace

const QuantizeKernels quantize_kernels = {to_bytes, to_floats, round_trip, gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
