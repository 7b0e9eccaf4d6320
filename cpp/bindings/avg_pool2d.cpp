// Average-pooling on (batch, height, width, channels) arrays.
#include "cnnx/avg_pool2d.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_avg_pool2d(py::module_& module) {
  module.def(
      "avg_pool2d",
      [](const FloatArray& x, const PairArgument& kernel_size, const PairArgument& stride,
         const PaddingArgument& padding, bool count_include_pad) {
        const AvgPool2dGeometry geometry =
            avg_pool2d_geometry(shape_of(x), to_pair(kernel_size), to_pair(stride),
                                to_padding(padding), count_include_pad);
        FloatArray output = new_array(geometry.output_shape());
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        avg_pool2d(geometry, source, target);
        return output;
      },
      py::arg("x").noconvert(), py::arg("kernel_size"), py::arg("stride"), py::arg("padding"),
      py::arg("count_include_pad"));
  module.def(
      "avg_pool2d_backward",
      [](const FloatArray& grad_output, const PairArgument& kernel_size, const PairArgument& stride,
         const PaddingArgument& padding, bool count_include_pad, const Shape& x_shape) {
        const AvgPool2dGeometry geometry = avg_pool2d_geometry(
            x_shape, to_pair(kernel_size), to_pair(stride), to_padding(padding), count_include_pad);
        check_shape("avg_pool2d_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        const float* grad = grad_output.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        avg_pool2d_backward(geometry, grad, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("kernel_size"), py::arg("stride"),
      py::arg("padding"), py::arg("count_include_pad"), py::arg("x_shape"));
}

}  // namespace cnnx::bindings
