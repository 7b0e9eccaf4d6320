// Depthwise convolutions with int8 weights whose input is in bytes.
#pragma once

#include <memory>

#include "cnnx/conv2d.h"
#include "ops/op.h"
#include "ops/quantized_layer.h"

namespace cnnx::ops {

std::unique_ptr<const BoundOp> bind_quantized_depthwise(const Conv2dGeometry& geometry,
                                                        const QuantizedLayer& layer);

}  // namespace cnnx::ops
