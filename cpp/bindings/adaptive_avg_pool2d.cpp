// Adaptive average-pooling on (batch, height, width, channels) arrays.
#include "cnnx/adaptive_avg_pool2d.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_adaptive_avg_pool2d(py::module_& module) {
  module.def(
      "adaptive_avg_pool2d",
      [](const FloatArray& x, const PairArgument& output_size) {
        const auto geometry = adaptive_avg_pool2d_geometry(shape_of(x), to_pair(output_size));
        FloatArray output = new_array(geometry.output_shape());
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        adaptive_avg_pool2d(geometry, source, target);
        return output;
      },
      py::arg("x").noconvert(), py::arg("output_size"));
  module.def(
      "adaptive_avg_pool2d_backward",
      [](const FloatArray& grad_output, const PairArgument& output_size, const Shape& x_shape) {
        const auto geometry = adaptive_avg_pool2d_geometry(x_shape, to_pair(output_size));
        check_shape("adaptive_avg_pool2d_backward", "grad_output", grad_output,
                    geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        const float* grad = grad_output.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        adaptive_avg_pool2d_backward(geometry, grad, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("output_size"), py::arg("x_shape"));
}

}  // namespace cnnx::bindings
