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
  const py::gil_scoped_release release;
  body(data);
  return result;
}

}  // namespace

void bind_activations(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto saved_output = py::arg("output").noconvert();
  const auto grad_output = py::arg("grad_output").noconvert();
  module.def(
      "relu",
      [](const FloatArray& input) {
        return elementwise(input, [&](float* y) { relu(input.data(), input.size(), y); });
      },
      x);
  module.def(
      "relu_backward",
      [](const FloatArray& grad, const FloatArray& input) {
        return elementwise(
            grad, [&](float* g) { relu_backward(grad.data(), input.data(), input.size(), g); });
      },
      grad_output, x);
  module.def(
      "leaky_relu",
      [](const FloatArray& input, float slope) {
        return elementwise(input,
                           [&](float* y) { leaky_relu(input.data(), input.size(), slope, y); });
      },
      x, py::arg("negative_slope"));
  module.def(
      "leaky_relu_backward",
      [](const FloatArray& grad, const FloatArray& input, float slope) {
        return elementwise(grad, [&](float* g) {
          leaky_relu_backward(grad.data(), input.data(), input.size(), slope, g);
        });
      },
      grad_output, x, py::arg("negative_slope"));
  module.def(
      "sigmoid",
      [](const FloatArray& input) {
        return elementwise(input, [&](float* y) { sigmoid(input.data(), input.size(), y); });
      },
      x);
  module.def(
      "sigmoid_backward",
      [](const FloatArray& grad, const FloatArray& output) {
        return elementwise(grad, [&](float* g) {
          sigmoid_backward(grad.data(), output.data(), output.size(), g);
        });
      },
      grad_output, saved_output);
  module.def(
      "tanh",
      [](const FloatArray& input) {
        return elementwise(input, [&](float* y) { tanh(input.data(), input.size(), y); });
      },
      x);
  module.def(
      "tanh_backward",
      [](const FloatArray& grad, const FloatArray& output) {
        return elementwise(
            grad, [&](float* g) { tanh_backward(grad.data(), output.data(), output.size(), g); });
      },
      grad_output, saved_output);
}

}  // namespace cnnx::bindings
