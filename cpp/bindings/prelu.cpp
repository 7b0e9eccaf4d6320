// PReLU on arrays of any shape, whose last axis is the channels.
#include "cnnx/prelu.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {
namespace {

// Throws std::invalid_argument if x has no channel, or weight not one slope for each.
int64_t checked_channels(const char* function, const FloatArray& x, const FloatArray& weight) {
  const int64_t channels = x.ndim() > 0 ? x.shape(x.ndim() - 1) : 0;
  if (channels < 1) {
    throw std::invalid_argument(std::string(function) + ": x has shape " + to_string(shape_of(x)) +
                                ", expected at least one channel in the last axis");
  }
  check_shape(function, "weight", weight, {channels});
  return channels;
}

}  // namespace

void bind_prelu(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  module.def(
      "prelu",
      [](const FloatArray& input, const FloatArray& slopes) {
        const int64_t channels = checked_channels("prelu", input, slopes);
        const int64_t pixels = input.size() / channels;
        FloatArray output = new_array(shape_of(input));
        const float *source = input.data(), *slope = slopes.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        prelu(source, slope, pixels, channels, target);
        return output;
      },
      x, weight);
  module.def(
      "prelu_backward",
      [](const FloatArray& grad_output, const FloatArray& input, const FloatArray& slopes) {
        const int64_t channels = checked_channels("prelu_backward", input, slopes);
        check_shape("prelu_backward", "grad_output", grad_output, shape_of(input));
        const int64_t pixels = input.size() / channels;
        FloatArray grad_input = new_array(shape_of(input));
        FloatArray grad_weight = new_array({channels});
        const float *grad = grad_output.data(), *source = input.data(), *slope = slopes.data();
        float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data();
        {
          const ReleaseGil release;
          prelu_backward(grad, source, slope, pixels, channels, to_input, to_weight);
        }
        return py::make_tuple(grad_input, grad_weight);
      },
      py::arg("grad_output").noconvert(), x, weight);
}

}  // namespace cnnx::bindings
