// Poolings whose input is in bytes.
#pragma once

#include <memory>
#include <vector>

#include "cnnx/adaptive_avg_pool2d.h"
#include "cnnx/avg_pool2d.h"
#include "cnnx/pool2d.h"
#include "ops/op.h"

namespace cnnx::ops {

// A maximum has the input's format.
BoundToBytes bind_quantized_max_pool2d(const Pool2dGeometry& geometry, const Quantization& input);
// Means have the format of a fused quantize layer, or are floats.
BoundToBytes bind_quantized_avg_pool2d(const AvgPool2dGeometry& geometry, const Quantization& input,
                                       const Fusion& fusion);
BoundToBytes bind_quantized_avg_pool2d(const AdaptiveAvgPool2dGeometry& geometry,
                                       const Quantization& input, const Fusion& fusion);

// Whether sums of images of this shape always fit int32.
bool image_sums_fit(const Shape& input);

}  // namespace cnnx::ops
