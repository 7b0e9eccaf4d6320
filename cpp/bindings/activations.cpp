// Elementwise activations on arrays of any shape.
#include "cnnx/activations.h"

#include "bindings.h"

namespace cnnx::bindings {
namespace {

// Allocates the result, releases the GIL and runs body(result).
template <class Body>
FloatArray elementwise(const FloatArray& like, const Body& body) {
  FloatArray result = new_array(shape_of(like));
  float* data = result.mutable_data();
  const ReleaseGil release;
  body(data);
  return result;
}

// An activation without settings; `saved` is what its backward reads, "x" or "output".
void bind_activation(py::module_& module, const std::string& name, const char* saved,
                     void (*forward)(const float*, int64_t, float*),
                     void (*backward)(const float*, const float*, int64_t, float*, bool)) {
  module.def(
      name.c_str(),
      [forward](const FloatArray& input) {
        return elementwise(input, [&](float* y) { forward(input.data(), input.size(), y); });
      },
      py::arg("x").noconvert());
  module.def((name + "_backward").c_str(),
             [backward](const FloatArray& grad, const FloatArray& saved) {
               return elementwise(grad, [&](float* g) {
                 backward(grad.data(), saved.data(), saved.size(), g, false);
               });
             },
             py::arg("grad_output").noconvert(), py::arg(saved).noconvert());
}

}  // namespace

void bind_activations(py::module_& module) {
  bind_activation(module, "relu", "x", relu, relu_backward);
  bind_activation(module, "sigmoid", "output", sigmoid, sigmoid_backward);
  bind_activation(module, "tanh", "output", tanh, tanh_backward);
  bind_activation(module, "relu6", "output", relu6, relu6_backward);
  bind_activation(module, "gelu", "x", gelu, gelu_backward);
  bind_activation(module, "silu", "x", silu, silu_backward);
  bind_activation(module, "hard_swish", "x", hard_swish, hard_swish_backward);
  const auto x = py::arg("x").noconvert();
  const auto slope = py::arg("negative_slope");
  module.def(
      "leaky_relu",
      [](const FloatArray& input, float negative_slope) {
        return elementwise(
            input, [&](float* y) { leaky_relu(input.data(), input.size(), negative_slope, y); });
      },
      x, slope);
  module.def(
      "leaky_relu_backward",
      [](const FloatArray& grad, const FloatArray& input, float negative_slope) {
        return elementwise(grad, [&](float* g) {
          leaky_relu_backward(grad.data(), input.data(), input.size(), negative_slope, g);
        });
      },
      py::arg("grad_output").noconvert(), x, slope);
}

}  // namespace cnnx::bindings
