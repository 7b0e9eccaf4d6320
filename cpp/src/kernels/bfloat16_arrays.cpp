// One vector at a time, then the last elements.
#include "kernels/bfloat16_arrays.h"

#include "kernels/bfloat16.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

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

void widen(const uint16_t* x, int64_t count, float* output) {
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    store_some(output + i, load_some_bfloat16(x + i, lanes), lanes);
  });
}

void round(const float* x, int64_t count, uint16_t* output) {
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    store_some_bfloat16(output + i, load_some(x + i, lanes), lanes);
  });
}

void add_floats(const float* x, int64_t count, uint16_t* output) {
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    const Vector sum = load_some_bfloat16(output + i, lanes) + load_some(x + i, lanes);
    store_some_bfloat16(output + i, sum, lanes);
  });
}

void add_words(const uint16_t* x, int64_t count, float* output) {
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    store_some(output + i, load_some(output + i, lanes) + load_some_bfloat16(x + i, lanes), lanes);
  });
}

void add(const uint16_t* a, const uint16_t* b, int64_t count, bool relu, uint16_t* output) {
  const Vector floor = relu_floor(relu);
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    const Vector sum = load_some_bfloat16(a + i, lanes) + load_some_bfloat16(b + i, lanes);
    store_some_bfloat16(output + i, at_least(floor, sum), lanes);
  });
}

void relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count, float ceiling) {
  const Vector most = broadcast(ceiling);
  for_each_vector(count, [&](int64_t i, int64_t lanes) CNNX_INLINED {
    const Vector output = load_some_bfloat16(relu_output + i, lanes);
    const IntVector passes = (output > Vector{}) & ~(output >= most);
    const Vector own = load_some_bfloat16(gradient + i, lanes);
    store_some_bfloat16(gradient + i, passes ? own : Vector{}, lanes);
  });
}

}  // namespace

const Bfloat16ArrayKernels bfloat16_array_kernels = {widen,     round, add_floats,
                                                     add_words, add,   relu_gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
