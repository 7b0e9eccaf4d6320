// Enlarging (batch, height, width, channels) arrays.
#include "cnnx/upsample2d.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_upsample2d(py::module_& module) {
  module.def(
      "upsample2d",
      [](const FloatArray& x, const PairArgument& scale_factor, bool bilinear) {
        const auto geometry =
            upsample2d_geometry(shape_of(x), to_pair(scale_factor),
                                bilinear ? UpsampleMode::bilinear : UpsampleMode::nearest);
        FloatArray output = new_array(geometry.output_shape());
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        upsample2d(geometry, source, target);
        return output;
      },
      py::arg("x").noconvert(), py::arg("scale_factor"), py::arg("bilinear"));
  module.def(
      "upsample2d_backward",
      [](const FloatArray& grad_output, const PairArgument& scale_factor, bool bilinear,
         const Shape& x_shape) {
        const auto geometry =
            upsample2d_geometry(x_shape, to_pair(scale_factor),
                                bilinear ? UpsampleMode::bilinear : UpsampleMode::nearest);
        check_shape("upsample2d_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        const float* grad = grad_output.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        upsample2d_backward(geometry, grad, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("scale_factor"), py::arg("bilinear"),
      py::arg("x_shape"));
}

}  // namespace cnnx::bindings
