// The limits of an output, in its unit.
#include "ops/quantized_output.h"

#include <algorithm>
#include <limits>

#include "kernels/relu.h"
#include "ops/quantization.h"

namespace cnnx::ops {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

QuantizedOutput::QuantizedOutput(const Fusion& fusion)
    : format_(fusion.quantize ? Format(*fusion.quantize->quantization()) : Format()),
      least_(fusion.relu || fusion.relu6 ? 0.0f : -kInfinity),
      most_(fusion.relu6 ? kRelu6Ceiling : kInfinity) {}

QuantizedEpilogue QuantizedOutput::epilogue(float* output, int64_t first_element) const {
  QuantizedEpilogue e = {};
  e.shift = format_ ? static_cast<float>(format_->zero_point) : 0.0f;
  e.least = least_ / unit() + e.shift;
  e.most = most_ / unit() + e.shift;
  if (format_) {
    e.least = std::max(e.least, 0.0f);
    e.most = std::min(e.most, static_cast<float>(kMostByte));
    e.output = bytes_of(output) + first_element;
  } else {
    e.float_output = output + first_element;
  }
  return e;
}

}  // namespace cnnx::ops
