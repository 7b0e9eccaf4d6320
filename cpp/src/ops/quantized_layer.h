// What all layers with int8 weights have in common: the formats of their arrays, the layers fused
// into them, and their weights as whole numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/quantized_epilogue.h"
#include "ops/op.h"
#include "ops/quantized_output.h"

namespace cnnx::ops {

// Weights (rows, columns) of a layer, and how their sums begin and end.
struct QuantizedArrays {
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multiplier;
};

class QuantizedLayer {
 public:
  // `inputs`: the formats of the input, and of the addend if an Add is fused.
  QuantizedLayer(bool bias, const std::vector<Quantization>& inputs, const Fusion& fusion);

  int input_zero() const { return input_.zero_point; }
  bool makes_bytes() const { return output_.format().has_value(); }
  // Of the parameters weight and bias, and the buffer with the scales of the columns.
  QuantizedArrays arrays(const float* const* parameters, const float* const* buffers, int64_t rows,
                         int64_t columns) const;
  // For outputs from an element on.
  QuantizedEpilogue epilogue(const ForwardArguments& arguments, int64_t first_element) const;

 private:
  bool bias_, adds_;
  Quantization input_, addend_;
  QuantizedOutput output_;
};

// Whether a sum of so many products of bytes always fits int32.
bool sums_fit(int64_t products);

// The byte of a weight, round(weight / scale) from -128 to 127.
int8_t quantized_weight(float weight, float scale);

}  // namespace cnnx::ops
