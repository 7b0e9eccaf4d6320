// Zeros around (batch, height, width, channels) arrays.
#include "cnnx/zero_pad2d.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_zero_pad2d(py::module_& module) {
  module.def(
      "zero_pad2d",
      [](const FloatArray& x, const PaddingArgument& padding) {
        const auto geometry = zero_pad2d_geometry(shape_of(x), to_padding(padding));
        FloatArray output = new_array(geometry.output_shape());
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        zero_pad2d(geometry, source, target);
        return output;
      },
      py::arg("x").noconvert(), py::arg("padding"));
  module.def(
      "zero_pad2d_backward",
      [](const FloatArray& grad_output, const PaddingArgument& padding, const Shape& x_shape) {
        const auto geometry = zero_pad2d_geometry(x_shape, to_padding(padding));
        check_shape("zero_pad2d_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        const float* grad = grad_output.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        zero_pad2d_backward(geometry, grad, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("padding"), py::arg("x_shape"));
}

}  // namespace cnnx::bindings
