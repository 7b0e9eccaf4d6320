// Elementwise activations on arrays of any shape, by the name of their layer kind.
#include "cnnx/activations.h"

#include "bindings.h"

namespace cnnx::bindings {

void bind_activations(py::module_& module) {
  module.def(
      "activation",
      [](const char* kind, const FloatArray& x, float setting) {
        FloatArray output = new_array(shape_of(x));
        float* const values = output.mutable_data();
        const ReleaseGil release;
        activation(kind, x.data(), x.size(), setting, values);
        return output;
      },
      py::arg("kind"), py::arg("x").noconvert(), py::arg("setting") = 0.0f);
  module.def(
      "activation_backward",
      [](const char* kind, const FloatArray& grad_output, const FloatArray& saved, float setting) {
        FloatArray grad_input = new_array(shape_of(saved));
        float* const values = grad_input.mutable_data();
        const ReleaseGil release;
        activation_backward(kind, grad_output.data(), saved.data(), saved.size(), setting, values);
        return grad_input;
      },
      py::arg("kind"), py::arg("grad_output").noconvert(), py::arg("saved").noconvert(),
      py::arg("setting") = 0.0f);
}

}  // namespace cnnx::bindings
