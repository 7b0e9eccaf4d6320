// What an op writes whose arithmetic is between bytes: bytes in the format of a fused quantize
// layer, or floats.
#pragma once

#include <cstdint>

#include "kernels/quantized_epilogue.h"
#include "ops/op.h"

namespace cnnx::ops {

class QuantizedOutput {
 public:
  // Of the fused ReLU or ReLU6 and quantize layer.
  explicit QuantizedOutput(const Fusion& fusion);

  const Format& format() const { return format_; }
  // The unit of an epilogue's numbers: the difference of two bytes, or 1.
  float unit() const { return format_ ? format_->scale : 1.0f; }
  // Without an addend; writes from an element on.
  QuantizedEpilogue epilogue(float* output, int64_t first_element) const;

 private:
  Format format_;
  float least_, most_;  // values of an output
};

}  // namespace cnnx::ops
