// Batch normalisation of (batch, height, width, channels) arrays.
// Not calls of an Operator: the statistics are arguments and results here, which the op keeps in
// buffers, and weight and bias may each be missing.
#include "cnnx/batch_norm2d.h"

#include <optional>

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {
namespace {

using Optional = std::optional<FloatArray>;

// x has four axes, as the Python side has checked.
BatchNorm2dGeometry geometry_of(const FloatArray& x, float epsilon) {
  return {x.shape(0) * x.shape(1) * x.shape(2), x.shape(3), epsilon};
}

const float* data_of(const Optional& array) { return array ? array->data() : nullptr; }

// One number per channel.
void check_channels(const char* function, const char* argument, const Optional& array,
                    const BatchNorm2dGeometry& geometry) {
  if (array) check_shape(function, argument, *array, {geometry.channels});
}

// An empty batch has no statistics.
void check_pixels(const char* function, const FloatArray& x, const BatchNorm2dGeometry& geometry) {
  if (geometry.pixels > 0) return;
  throw std::invalid_argument(std::string(function) + ": x has shape " + to_string(shape_of(x)) +
                              ", expected at least one pixel");
}

}  // namespace

void bind_batch_norm2d(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  const auto bias = py::arg("bias").noconvert();
  const auto mean = py::arg("mean").noconvert();
  const auto variance = py::arg("variance").noconvert();
  const auto epsilon = py::arg("epsilon");
  module.def(
      "batch_norm2d",
      [](const FloatArray& input, const Optional& weights, const Optional& offsets,
         const FloatArray& means, const FloatArray& variances, float small) {
        const char* const name = "batch_norm2d";
        const BatchNorm2dGeometry geometry = geometry_of(input, small);
        check_channels(name, "weight", weights, geometry);
        check_channels(name, "bias", offsets, geometry);
        check_channels(name, "mean", means, geometry);
        check_channels(name, "variance", variances, geometry);
        FloatArray output = new_array(shape_of(input));
        const float *source = input.data(), *scale = data_of(weights), *shift = data_of(offsets),
                    *middle = means.data(), *spread = variances.data();
        float* target = output.mutable_data();
        const ReleaseGil release;
        batch_norm2d(geometry, source, scale, shift, middle, spread, target);
        return output;
      },
      x, weight, bias, mean, variance, epsilon);
  module.def(
      "batch_norm2d_training",
      [](const FloatArray& input, const Optional& weights, const Optional& offsets, float small) {
        const char* const name = "batch_norm2d_training";
        const BatchNorm2dGeometry geometry = geometry_of(input, small);
        check_pixels(name, input, geometry);
        check_channels(name, "weight", weights, geometry);
        check_channels(name, "bias", offsets, geometry);
        FloatArray output = new_array(shape_of(input));
        FloatArray means = new_array({geometry.channels});
        FloatArray variances = new_array({geometry.channels});
        const float *source = input.data(), *scale = data_of(weights), *shift = data_of(offsets);
        float *target = output.mutable_data(), *middle = means.mutable_data(),
              *spread = variances.mutable_data();
        {
          const ReleaseGil release;
          batch_norm2d_training(geometry, source, scale, shift, middle, spread, target);
        }
        return py::make_tuple(output, means, variances);
      },
      x, weight, bias, epsilon);
  module.def(
      "batch_norm2d_backward",
      [](const FloatArray& grad_output, const FloatArray& input, const Optional& weights,
         const FloatArray& means, const FloatArray& variances, float small) {
        const char* const name = "batch_norm2d_backward";
        const BatchNorm2dGeometry geometry = geometry_of(input, small);
        check_pixels(name, input, geometry);
        check_shape(name, "grad_output", grad_output, shape_of(input));
        check_channels(name, "weight", weights, geometry);
        check_channels(name, "mean", means, geometry);
        check_channels(name, "variance", variances, geometry);
        FloatArray grad_input = new_array(shape_of(input));
        FloatArray grad_weight = new_array({geometry.channels});
        FloatArray grad_bias = new_array({geometry.channels});
        const float *grad = grad_output.data(), *source = input.data(), *scale = data_of(weights),
                    *middle = means.data(), *spread = variances.data();
        float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data(),
              *to_bias = grad_bias.mutable_data();
        {
          const ReleaseGil release;
          batch_norm2d_backward(geometry, grad, source, scale, middle, spread, to_input, to_weight,
                                to_bias);
        }
        return py::make_tuple(grad_input, grad_weight, grad_bias);
      },
      py::arg("grad_output").noconvert(), x, weight, mean, variance, epsilon);
}

}  // namespace cnnx::bindings
