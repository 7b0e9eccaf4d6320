// Softmax over the last axis of arrays of any shape.
#include "cnnx/softmax.h"

#include "bindings.h"

namespace cnnx::bindings {
namespace {

// Throws std::invalid_argument if there is no class to share out to.
int64_t classes_of(const char* function, const char* argument, const FloatArray& array) {
  if (array.ndim() > 0 && array.shape(array.ndim() - 1) > 0) return array.shape(array.ndim() - 1);
  throw std::invalid_argument(std::string(function) + ": " + argument + " has shape " +
                              to_string(shape_of(array)) +
                              ", expected at least one class in the last axis");
}

}  // namespace

void bind_softmax(py::module_& module) {
  module.def(
      "softmax",
      [](const FloatArray& x) {
        const int64_t classes = classes_of("softmax", "x", x), rows = x.size() / classes;
        FloatArray output = new_array(shape_of(x));
        const float* source = x.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        softmax(source, rows, classes, target);
        return output;
      },
      py::arg("x").noconvert());
  module.def(
      "softmax_backward",
      [](const FloatArray& grad_output, const FloatArray& output) {
        const int64_t classes = classes_of("softmax_backward", "output", output);
        const int64_t rows = output.size() / classes;
        FloatArray grad_input = new_array(shape_of(output));
        const float *grad = grad_output.data(), *saved = output.data();
        float* target = grad_input.mutable_data();
        const ReleaseGil release;
        softmax_backward(grad, saved, rows, classes, target);
        return grad_input;
      },
      py::arg("grad_output").noconvert(), py::arg("output").noconvert());
}

}  // namespace cnnx::bindings
