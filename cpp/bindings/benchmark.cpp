// For the benchmarks alone: the calculating peak, and one direction of an op many times over on the
// same arrays, so that neither Python nor the first touch of fresh memory is measured with it.
#include <string>

#include "arguments.h"
#include "bindings.h"
#include "cnnx/conv2d.h"
#include "cnnx/peak.h"

namespace cnnx::bindings {
namespace {

// `direction` is forward, input_gradient or weight_gradient; `result` takes what it computes.
void repeat_conv2d(const std::string& direction, const FloatArray& x, const FloatArray& weight,
                   const FloatArray& bias, const FloatArray& grad_output, FloatArray& result,
                   const PairArgument& stride, const PaddingArgument& padding, int64_t groups,
                   int64_t repetitions) {
  const Conv2dGeometry geometry = conv2d_geometry(
      shape_of(x), shape_of(weight), {to_pair(stride), to_padding(padding), {}, groups});
  const bool forward = direction == "forward", input = direction == "input_gradient";
  check_shape("repeat_conv2d", "bias", bias, {geometry.out_channels});
  check_shape("repeat_conv2d", "grad_output", grad_output, geometry.output_shape());
  check_shape("repeat_conv2d", "result", result,
              forward ? geometry.output_shape()
              : input ? geometry.input_shape()
                      : geometry.weight_shape());
  FloatArray grad_bias = new_array({geometry.out_channels});
  const float *from = x.data(), *kernel = weight.data(), *offsets = bias.data(),
              *grad = grad_output.data();
  float *to = result.mutable_data(), *to_bias = grad_bias.mutable_data();
  const py::gil_scoped_release release;
  for (int64_t i = 0; i < repetitions; ++i) {
    if (forward) {
      conv2d(geometry, from, kernel, offsets, to);
    } else if (input) {
      conv2d_backward(geometry, grad, from, kernel, to, nullptr, nullptr);
    } else {
      conv2d_backward(geometry, grad, from, kernel, nullptr, to, to_bias);
    }
  }
}

}  // namespace

void bind_benchmark(py::module_& module) {
  module.def("run_fma_peak", &run_fma_peak, py::arg("rounds"),
             py::call_guard<py::gil_scoped_release>());
  module.def("repeat_conv2d", &repeat_conv2d, py::arg("direction"), py::arg("x").noconvert(),
             py::arg("weight").noconvert(), py::arg("bias").noconvert(),
             py::arg("grad_output").noconvert(), py::arg("result").noconvert(), py::arg("stride"),
             py::arg("padding"), py::arg("groups"), py::arg("repetitions"));
}

}  // namespace cnnx::bindings
