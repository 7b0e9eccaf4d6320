// Sums and products of arrays in bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ops/op.h"

namespace cnnx::ops {

// Both have the format of a fused quantize layer, or are floats.
std::unique_ptr<const BoundOp> bind_quantized_sum(int64_t count,
                                                  const std::vector<Quantization>& inputs,
                                                  const Fusion& fusion);

// Images whose second input has one number per image and channel, or per pixel.
struct ProductShape {
  int64_t images, pixels, channels;
  bool per_pixel;
};

std::unique_ptr<const BoundOp> bind_quantized_product(const ProductShape& shape,
                                                      const std::vector<Quantization>& inputs,
                                                      const Fusion& fusion);

}  // namespace cnnx::ops
