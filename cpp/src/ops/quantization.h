// Arrays of bytes, in which inference keeps the numbers between the layers of a quantized network.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/quantize.h"
#include "ops/op.h"

namespace cnnx::ops {

// An array of bytes, which a graph passes as the memory of floats.
inline const uint8_t* bytes_of(const float* array) {
  return reinterpret_cast<const uint8_t*>(array);
}
inline uint8_t* bytes_of(float* array) { return reinterpret_cast<uint8_t*>(array); }

constexpr int64_t kMostByte = 255;
constexpr int64_t kBytesOfFloat = sizeof(float);
constexpr int64_t floats_of_bytes(int64_t bytes) { return (bytes + 3) / 4; }

inline ByteScale scale_of(const Quantization& format) {
  return {format.scale, static_cast<float>(format.zero_point)};
}

// Conversions of an array of so many elements.
std::unique_ptr<const BoundOp> bind_floats_to_bytes(int64_t count, const Quantization& format);
std::unique_ptr<const BoundOp> bind_bytes_to_floats(int64_t count, const Quantization& format);

}  // namespace cnnx::ops
