// Fully connected layer on (batch, features) arrays.
#include "cnnx/dense.h"

#include <optional>

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {

void bind_dense(py::module_& module) {
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  module.def(
      "dense",
      [](const FloatArray& input, const FloatArray& weights,
         const std::optional<FloatArray>& bias) {
        const DenseGeometry geometry = dense_geometry(shape_of(input), shape_of(weights));
        if (bias) check_shape("dense", "bias", *bias, {geometry.out_features});
        FloatArray output = new_array(geometry.output_shape());
        const float *source = input.data(), *matrix = weights.data(),
                    *offsets = bias ? bias->data() : nullptr;
        float* target = output.mutable_data();
        const ReleaseGil release;
        dense(geometry, source, matrix, offsets, target);
        return output;
      },
      x, weight, py::arg("bias").noconvert());
  module.def(
      "dense_backward",
      [](const FloatArray& grad_output, const FloatArray& input, const FloatArray& weights) {
        const DenseGeometry geometry = dense_geometry(shape_of(input), shape_of(weights));
        check_shape("dense_backward", "grad_output", grad_output, geometry.output_shape());
        FloatArray grad_input = new_array(geometry.input_shape());
        FloatArray grad_weight = new_array(geometry.weight_shape());
        FloatArray grad_bias = new_array({geometry.out_features});
        const float *grad = grad_output.data(), *source = input.data(), *matrix = weights.data();
        float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data(),
              *to_bias = grad_bias.mutable_data();
        {
          const ReleaseGil release;
          dense_backward(geometry, grad, source, matrix, to_input, to_weight, to_bias);
        }
        return py::make_tuple(grad_input, grad_weight, grad_bias);
      },
      py::arg("grad_output").noconvert(), x, weight);
}

}  // namespace cnnx::bindings
