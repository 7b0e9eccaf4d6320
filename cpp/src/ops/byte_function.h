// A function of one number on arrays of bytes: a table of its 256 values.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "ops/op.h"

namespace cnnx::ops {

// The numbers that bytes stand for.
std::array<float, 256> values_of_bytes(const Quantization& format);

class ByteFunction {
 public:
  // The function's values, in order of the bytes, become bytes or stay floats.
  ByteFunction(const std::array<float, 256>& values, const Format& output);

  const Format& output() const { return output_; }
  // From an element of the output on.
  void apply(const uint8_t* x, int64_t count, float* output, int64_t first_element) const;

 private:
  std::array<float, 256> values_;
  std::array<uint8_t, 256> bytes_ = {};
  Format output_;
  bool copies_ = false;  // every byte stays as it is
};

// The function on all elements of an array. The output has the format of a fused quantize layer, or
// else that of the input if that has all values, or else it is floats.
BoundToBytes bind_byte_function(const std::array<float, 256>& values, int64_t count,
                                const Quantization& input, const Fusion& fusion);

// Arrays of rows side by side. Without a fused quantize layer the output is in bytes if the inputs
// have one format.
BoundToBytes bind_quantized_concat(int64_t rows, const std::vector<int64_t>& widths,
                                   const std::vector<Quantization>& inputs, const Fusion& fusion);

// The largest of arrays, element by element, likewise.
BoundToBytes bind_quantized_maximum(int64_t count, const std::vector<Quantization>& inputs,
                                    const Fusion& fusion);

}  // namespace cnnx::ops
