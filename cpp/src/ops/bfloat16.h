// Arrays of bfloat16, in which a plan keeps activations and their gradients if the model computes
// in bfloat16.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/relu.h"
#include "ops/op.h"

namespace cnnx::ops {

// An array of bfloat16, which a graph passes as the memory of floats.
inline const uint16_t* bfloat16_of(const float* array) {
  return reinterpret_cast<const uint16_t*>(array);
}
inline uint16_t* bfloat16_of(float* array) { return reinterpret_cast<uint16_t*>(array); }
inline const float* as_floats(const uint16_t* array) {
  return reinterpret_cast<const float*>(array);
}
inline float* as_floats(uint16_t* array) { return reinterpret_cast<float*>(array); }

constexpr int64_t floats_of_bfloat16(int64_t count) { return (count + 1) / 2; }

// Conversions of an array of so many elements. Backward converts the gradient the other way.
std::unique_ptr<const BoundOp> bind_floats_to_bfloat16(int64_t count);
std::unique_ptr<const BoundOp> bind_bfloat16_to_floats(int64_t count);

void round_to_bfloat16(const float* floats, int64_t count, int threads, uint16_t* words);

// As add_arrays and pass_gradient of ops/add.h, and relu_gradient of ops/activations.h.
void add_bfloat16_arrays(const uint16_t* a, const uint16_t* b, int64_t count, bool relu,
                         int threads, uint16_t* output);
void pass_bfloat16_gradient(const uint16_t* grad_output, const InputGradient& input, int64_t count,
                            int threads);
void bfloat16_relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count,
                            int threads, float ceiling = kNoCeiling);

}  // namespace cnnx::ops
