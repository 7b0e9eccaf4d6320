// The arithmetic of a quantized layer around its sums.
#include "ops/quantized_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/quantization.h"

namespace cnnx::ops {
namespace {

constexpr int64_t kMostWeight = 128;

int32_t in_int32(double value) {
  constexpr double kMost = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(value > -kMost ? std::min(value, kMost) : -kMost);
}

}  // namespace

QuantizedLayer::QuantizedLayer(bool bias, const std::vector<Quantization>& inputs,
                               const Fusion& fusion)
    : bias_(bias), adds_(fusion.add), input_(inputs[0]), addend_(inputs.back()), output_(fusion) {}

QuantizedArrays QuantizedLayer::arrays(const float* const* parameters, const float* const* buffers,
                                       int64_t rows, int64_t columns) const {
  const auto size = static_cast<std::size_t>(columns);
  QuantizedArrays arrays{std::vector<int8_t>(static_cast<std::size_t>(rows) * size),
                         std::vector<int32_t>(size), std::vector<float>(size)};
  std::vector<double> sums(size);
  for (std::size_t i = 0; i < arrays.weights.size(); ++i) {
    arrays.weights[i] = quantized_weight(parameters[0][i], buffers[0][i % size]);
    sums[i % size] += arrays.weights[i];
  }
  for (std::size_t c = 0; c < size; ++c) {
    const double unit = static_cast<double>(input_.scale) * buffers[0][c];
    const double start = bias_ ? std::round(parameters[1][c] / unit) : 0.0;
    arrays.bias[c] = in_int32(start - input_.zero_point * sums[c]);
    arrays.multiplier[c] = static_cast<float>(unit / output_.unit());
  }
  return arrays;
}

QuantizedEpilogue QuantizedLayer::epilogue(const ForwardArguments& a, int64_t first) const {
  QuantizedEpilogue e = output_.epilogue(a.output, first);
  if (adds_) {
    e.addend = bytes_of(a.inputs[1]) + first;
    e.addend_zero = addend_.zero_point;
    e.addend_multiplier = addend_.scale / output_.unit();
  }
  return e;
}

bool sums_fit(int64_t products) {
  return products <= std::numeric_limits<int32_t>::max() / 2 / (kMostByte * kMostWeight);
}

int8_t quantized_weight(float weight, float scale) {
  const float value = std::round(weight / scale);
  return static_cast<int8_t>(value > -128 ? std::min(value, 127.0f) : -128);
}

}  // namespace cnnx::ops
