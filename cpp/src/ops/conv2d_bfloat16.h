// Convolutions of arrays of bfloat16: forward and the input gradient.
#pragma once

#include <memory>

#include "cnnx/conv2d.h"
#include "ops/conv2d_phases.h"
#include "ops/conv2d_plan.h"

namespace cnnx::ops {

enum class TargetType { bfloat16, float32 };

// A pass whose source, target, Epilogue::addend and Epilogue::relu_output are arrays of bfloat16
// (ops/bfloat16.h); with TargetType::float32 the target is one of floats. Weights and bias are
// floats, and the weights are rounded when they are packed. It needs packed weights. For one
// group.
std::unique_ptr<const Conv2dPass> make_bfloat16_pass(const Conv2dGeometry& geometry,
                                                     PassDirection direction,
                                                     TargetType target = TargetType::bfloat16);

// Of a depthwise convolution with as many output as input channels: every output is a chain of
// fused multiply-adds in the order of the float32 layer, and rounded once.
std::unique_ptr<const Conv2dPass> make_bfloat16_depthwise_pass(const Conv2dGeometry& geometry,
                                                               PassDirection direction);

}  // namespace cnnx::ops
