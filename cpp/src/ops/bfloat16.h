// Arrays of bfloat16, in which a plan keeps activations and their gradients if the model computes
// in bfloat16.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/op.h"

namespace cnnx::ops {

// An array of bfloat16, which a graph passes as the memory of floats.
inline const uint16_t* bfloat16_of(const float* array) {
  return reinterpret_cast<const uint16_t*>(array);
}
inline uint16_t* bfloat16_of(float* array) { return reinterpret_cast<uint16_t*>(array); }

constexpr int64_t floats_of_bfloat16(int64_t count) { return (count + 1) / 2; }

// Conversions of an array of so many elements. Backward converts the gradient the other way.
std::unique_ptr<const BoundOp> bind_floats_to_bfloat16(int64_t count);
std::unique_ptr<const BoundOp> bind_bfloat16_to_floats(int64_t count);

void round_to_bfloat16(const float* floats, int64_t count, int threads, uint16_t* words);

}  // namespace cnnx::ops
