// Transposed convolution on (batch, height, width, channels) arrays.
#include "cnnx/conv_transpose2d.h"

#include <optional>

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {
namespace {

ConvTranspose2dGeometry geometry_of(const FloatArray& x, const FloatArray& weight,
                                    const PairArgument& stride, const PaddingArgument& padding,
                                    const PairArgument& output_padding,
                                    const PairArgument& dilation, int64_t groups) {
  return conv_transpose2d_geometry(
      shape_of(x), shape_of(weight),
      {to_pair(stride), to_padding(padding), to_pair(output_padding), to_pair(dilation), groups});
}

}  // namespace

void bind_conv_transpose2d(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  const auto stride = py::arg("stride"), padding = py::arg("padding"),
             output_padding = py::arg("output_padding"), dilation = py::arg("dilation"),
             groups = py::arg("groups");
  module.def(
      "conv_transpose2d",
      [](const FloatArray& input, const FloatArray& weights, const std::optional<FloatArray>& bias,
         const PairArgument& steps, const PaddingArgument& sides, const PairArgument& more,
         const PairArgument& dilations, int64_t group_count) {
        const auto geometry =
            geometry_of(input, weights, steps, sides, more, dilations, group_count);
        const Shape shape = geometry.output_shape();
        if (bias) check_shape("conv_transpose2d", "bias", *bias, {shape[3]});
        FloatArray output = new_array(shape);
        const float *source = input.data(), *kernel = weights.data(),
                    *offsets = bias ? bias->data() : nullptr;
        float* target = output.mutable_data();
        const ReleaseGil release;
        conv_transpose2d(geometry, source, kernel, offsets, target);
        return output;
      },
      x, weight, py::arg("bias").noconvert(), stride, padding, output_padding, dilation, groups);
  module.def(
      "conv_transpose2d_backward",
      [](const FloatArray& grad_output, const FloatArray& input, const FloatArray& weights,
         const PairArgument& steps, const PaddingArgument& sides, const PairArgument& more,
         const PairArgument& dilations, int64_t group_count) {
        const auto geometry =
            geometry_of(input, weights, steps, sides, more, dilations, group_count);
        const Shape shape = geometry.output_shape();
        check_shape("conv_transpose2d_backward", "grad_output", grad_output, shape);
        FloatArray grad_input = new_array(geometry.input_shape());
        FloatArray grad_weight = new_array(geometry.weight_shape());
        FloatArray grad_bias = new_array({shape[3]});
        const float *grad = grad_output.data(), *source = input.data(), *kernel = weights.data();
        float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data(),
              *to_bias = grad_bias.mutable_data();
        {
          const ReleaseGil release;
          conv_transpose2d_backward(geometry, grad, source, kernel, to_input, to_weight, to_bias);
        }
        return py::make_tuple(grad_input, grad_weight, grad_bias);
      },
      py::arg("grad_output").noconvert(), x, weight, stride, padding, output_padding, dilation,
      groups);
}

}  // namespace cnnx::bindings
