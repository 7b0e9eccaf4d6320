// Max-pooling on (batch, height, width, channels) arrays.
#include "cnnx/max_pool2d.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_max_pool2d(py::module_& module) {
  module.def(
      "max_pool2d",
      [](const FloatArray& x, const PairArgument& kernel_size, const PairArgument& stride,
         const PaddingArgument& padding) {
        const Pool2dGeometry geometry = max_pool2d_geometry(shape_of(x), to_pair(kernel_size),
                                                            to_pair(stride), to_padding(padding));
        FloatArray output = new_array(geometry.output_shape());
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        max_pool2d(geometry, source, target);
        return output;
      },
      py::arg("x").noconvert(), py::arg("kernel_size"), py::arg("stride"), py::arg("padding"));
  module.def(
      "max_pool2d_backward",
      [](const FloatArray& grad_output, const FloatArray& x, const PairArgument& kernel_size,
         const PairArgument& stride, const PaddingArgument& padding) {
        const Pool2dGeometry geometry = max_pool2d_geometry(shape_of(x), to_pair(kernel_size),
                                                            to_pair(stride), to_padding(padding));
        check_shape("max_pool2d_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        const float *grad = grad_output.data(), *source = x.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        max_pool2d_backward(geometry, grad, source, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("x").noconvert(), py::arg("kernel_size"),
      py::arg("stride"), py::arg("padding"));
}

}  // namespace cnnx::bindings
