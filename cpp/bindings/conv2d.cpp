// Convolution on (batch, height, width, channels) arrays.
#include "cnnx/conv2d.h"

#include <optional>

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {
namespace {

Conv2dGeometry geometry_of(const FloatArray& x, const FloatArray& weight,
                           const PairArgument& stride, const PaddingArgument& padding,
                           const PairArgument& dilation, int64_t groups) {
  return conv2d_geometry(shape_of(x), shape_of(weight),
                         {to_pair(stride), to_padding(padding), to_pair(dilation), groups});
}

}  // namespace

void bind_conv2d(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  const auto stride = py::arg("stride"), padding = py::arg("padding"),
             dilation = py::arg("dilation"), groups = py::arg("groups");
  module.def(
      "conv2d",
      [](const FloatArray& input, const FloatArray& weights, const std::optional<FloatArray>& bias,
         const PairArgument& steps, const PaddingArgument& sides, const PairArgument& dilations,
         int64_t group_count) {
        const Conv2dGeometry geometry =
            geometry_of(input, weights, steps, sides, dilations, group_count);
        if (bias) check_shape("conv2d", "bias", *bias, {geometry.out_channels});
        FloatArray output = new_array(geometry.output_shape());
        const float *source = input.data(), *kernel = weights.data(),
                    *offsets = bias ? bias->data() : nullptr;
        float* target = output.mutable_data();
        const ReleaseGil release;
        conv2d(geometry, source, kernel, offsets, target);
        return output;
      },
      x, weight, py::arg("bias").noconvert(), stride, padding, dilation, groups);
  module.def(
      "conv2d_backward",
      [](const FloatArray& grad_output, const FloatArray& input, const FloatArray& weights,
         const PairArgument& steps, const PaddingArgument& sides, const PairArgument& dilations,
         int64_t group_count) {
        const Conv2dGeometry geometry =
            geometry_of(input, weights, steps, sides, dilations, group_count);
        check_shape("conv2d_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        FloatArray grad_weight = new_array(geometry.weight_shape());
        FloatArray grad_bias = new_array({geometry.out_channels});
        const float *grad = grad_output.data(), *source = input.data(), *kernel = weights.data();
        float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data(),
              *to_bias = grad_bias.mutable_data();
        {
          const ReleaseGil release;
          conv2d_backward(geometry, grad, source, kernel, to_input, to_weight, to_bias);
        }
        return py::make_tuple(grad_input, grad_weight, grad_bias);
      },
      py::arg("grad_output").noconvert(), x, weight, stride, padding, dilation, groups);
}

}  // namespace cnnx::bindings
