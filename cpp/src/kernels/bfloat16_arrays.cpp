// One vector at a time, then the last elements.
#include "kernels/bfloat16_arrays.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <class From, class To>
void convert(const From* x, int64_t count, To* output) {
  for_channel_vectors(count, [&](int64_t i, auto lanes)
                                 CNNX_INLINED { lanes.store(output + i, lanes.load(x + i)); });
}

void add_floats(const float* x, int64_t count, uint16_t* output) {
  for_channel_vectors(count, [&](int64_t i, auto lanes) CNNX_INLINED {
    const Vector sum = lanes.load(output + i) + lanes.load(x + i);
    lanes.store(output + i, sum);
  });
}

void add_words(const uint16_t* x, int64_t count, float* output) {
  for_channel_vectors(count, [&](int64_t i, auto lanes) CNNX_INLINED {
    lanes.store(output + i, lanes.load(output + i) + lanes.load(x + i));
  });
}

void add(const uint16_t* a, const uint16_t* b, int64_t count, bool relu, uint16_t* output) {
  const Vector floor = relu_floor(relu);
  for_channel_vectors(count, [&](int64_t i, auto lanes) CNNX_INLINED {
    const Vector sum = lanes.load(a + i) + lanes.load(b + i);
    lanes.store(output + i, at_least(floor, sum));
  });
}

void relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count, float ceiling) {
  const Vector most = broadcast(ceiling);
  for_channel_vectors(count, [&](int64_t i, auto lanes) CNNX_INLINED {
    const Vector output = lanes.load(relu_output + i);
    const IntVector passes = (output > Vector{}) & ~(output >= most);
    const Vector own = lanes.load(gradient + i);
    lanes.store(gradient + i, passes ? own : Vector{});
  });
}

bool all_finite(const uint16_t* x, int64_t count) {
  Vector sum = {};
  for_channel_vectors(count, [&](int64_t i, auto lanes) CNNX_INLINED {
    const Vector value = lanes.load(x + i);
    sum += value - value;  // NaN of an infinity, too
  });
  bool finite = true;
  for (int64_t lane = 0; lane < kLanes; ++lane) finite = finite && sum[lane] == 0.0f;
  return finite;
}

}  // namespace

const Bfloat16ArrayKernels bfloat16_array_kernels = {convert<uint16_t, float>,
                                                     convert<float, uint16_t>,
                                                     add_floats,
                                                     add_words,
                                                     add,
                                                     relu_gradient,
                                                     all_finite};

}  // namespace CNNX_ISA
}  // namespace cnnx
