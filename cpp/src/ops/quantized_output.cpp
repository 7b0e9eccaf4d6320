// The limits of an output, in its unit.
#include "ops/quantized_output.h"

#include <algorithm>
#include <cmath>
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
  if (format_) {
    // A ceiling in bytes; that of infinity is the largest byte.
    constexpr auto kMost = static_cast<int32_t>(kMostByte);
    const float most = std::min(std::round(most_ / unit()), static_cast<float>(kMost));
    e.zero = format_->zero_point;
    e.least = least_ < 0 ? 0 : e.zero;
    e.most = std::min(e.zero + static_cast<int32_t>(most), kMost);
    e.output = bytes_of(output) + first_element;
  } else {
    e.float_least = least_;
    e.float_most = most_;
    e.float_output = output + first_element;
  }
  return e;
}

}  // namespace cnnx::ops
