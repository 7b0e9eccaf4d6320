// For the benchmarks alone: references of the machine, and one direction of an op many times over
// on the same arrays, so that neither Python nor the first touch of fresh memory is measured with
// it. Many parameters because Python passes the arrays and settings of a convolution by name.
#include <stdexcept>
#include <string>

#include "arguments.h"
#include "bindings.h"
#include "cnnx/conv2d.h"
#include "cnnx/peak.h"

namespace cnnx::bindings {
namespace {

Conv2dMethod method_named(const std::string& name) {
  if (name == "chosen") return Conv2dMethod::chosen;
  if (name == "direct") return Conv2dMethod::direct;
  if (name == "winograd2x2") return Conv2dMethod::winograd2x2;
  if (name == "winograd4x4") return Conv2dMethod::winograd4x4;
  throw std::invalid_argument("repeat_conv2d: method is \"" + name +
                              "\", expected chosen, direct, winograd2x2 or winograd4x4");
}

// `direction` is forward, input_gradient or weight_gradient; `result` receives its output.
void repeat_conv2d(const std::string& direction, const FloatArray& x, const FloatArray& weight,
                   const FloatArray& bias, const FloatArray& grad_output, FloatArray& result,
                   const PairArgument& stride, const PaddingArgument& padding,
                   const PairArgument& dilation, int64_t groups, const std::string& method_name,
                   int64_t repetitions) {
  const Conv2dGeometry geometry =
      conv2d_geometry(shape_of(x), shape_of(weight),
                      {to_pair(stride), to_padding(padding), to_pair(dilation), groups});
  const bool forward = direction == "forward", input = direction == "input_gradient";
  check_shape("repeat_conv2d", "bias", bias, {geometry.out_channels});
  check_shape("repeat_conv2d", "grad_output", grad_output, geometry.output_shape());
  check_shape("repeat_conv2d", "result", result,
              forward ? geometry.output_shape()
              : input ? geometry.input_shape()
                      : geometry.weight_shape());
  const Conv2dMethod method = method_named(method_name);
  FloatArray grad_bias = new_array({geometry.out_channels});
  const float *from = x.data(), *kernel = weight.data(), *offsets = bias.data(),
              *grad = grad_output.data();
  float *to = result.mutable_data(), *to_bias = grad_bias.mutable_data();
  const ReleaseGil release;
  for (int64_t i = 0; i < repetitions; ++i) {
    if (forward) {
      conv2d(geometry, from, kernel, offsets, to, method);
    } else if (input) {
      conv2d_backward(geometry, grad, from, kernel, to, nullptr, nullptr, false, method);
    } else {
      conv2d_backward(geometry, grad, from, kernel, nullptr, to, to_bias, false, method);
    }
  }
}

}  // namespace

void bind_benchmark(py::module_& module) {
  module.def("run_fma_peak", &run_fma_peak, py::arg("rounds"), py::call_guard<ReleaseGil>());
  module.def("run_integer_peak", &run_integer_peak, py::arg("rounds"),
             py::call_guard<ReleaseGil>());
  module.def("core_to_core_seconds", &core_to_core_seconds, py::call_guard<ReleaseGil>());
  module.def("repeat_conv2d", &repeat_conv2d, py::arg("direction"), py::arg("x").noconvert(),
             py::arg("weight").noconvert(), py::arg("bias").noconvert(),
             py::arg("grad_output").noconvert(), py::arg("result").noconvert(), py::arg("stride"),
             py::arg("padding"), py::arg("dilation"), py::arg("groups"), py::arg("method"),
             py::arg("repetitions"));
}

}  // namespace cnnx::bindings
