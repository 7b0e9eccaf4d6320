// Group and layer normalisation, each image by itself.
#include "cnnx/group_norm.h"

#include "arguments.h"
#include "bindings.h"

namespace cnnx::bindings {
namespace {

FloatArray forward(const char* name, const GroupNormGeometry& geometry, const FloatArray& x,
                   const FloatArray& weight, const FloatArray& bias) {
  check_shape(name, "weight", weight, {geometry.channels});
  check_shape(name, "bias", bias, {geometry.channels});
  FloatArray output = new_array(shape_of(x));
  const float *source = x.data(), *scale = weight.data(), *shift = bias.data();
  float* target = output.mutable_data();
  const ReleaseGil release;
  group_norm(geometry, source, scale, shift, target);
  return output;
}

py::tuple backward(const char* name, const GroupNormGeometry& geometry,
                   const FloatArray& grad_output, const FloatArray& x, const FloatArray& weight) {
  check_shape(name, "grad_output", grad_output, shape_of(x));
  check_shape(name, "weight", weight, {geometry.channels});
  FloatArray grad_input = new_array(shape_of(x));
  FloatArray grad_weight = new_array({geometry.channels});
  FloatArray grad_bias = new_array({geometry.channels});
  const float *grad = grad_output.data(), *source = x.data(), *scale = weight.data();
  float *to_input = grad_input.mutable_data(), *to_weight = grad_weight.mutable_data(),
        *to_bias = grad_bias.mutable_data();
  {
    const ReleaseGil release;
    group_norm_backward(geometry, grad, source, scale, to_input, to_weight, to_bias);
  }
  return py::make_tuple(grad_input, grad_weight, grad_bias);
}

}  // namespace

void bind_group_norm(py::module_& module) {
  const auto grad_output = py::arg("grad_output").noconvert();
  const auto x = py::arg("x").noconvert();
  const auto weight = py::arg("weight").noconvert();
  const auto bias = py::arg("bias").noconvert();
  const auto groups = py::arg("groups");
  const auto epsilon = py::arg("epsilon");
  module.def(
      "group_norm",
      [](const FloatArray& input, const FloatArray& scale, const FloatArray& shift, int64_t count,
         float small) {
        return forward("group_norm", group_norm_geometry(shape_of(input), count, small), input,
                       scale, shift);
      },
      x, weight, bias, groups, epsilon);
  module.def(
      "group_norm_backward",
      [](const FloatArray& grad, const FloatArray& input, const FloatArray& scale, int64_t count,
         float small) {
        return backward("group_norm_backward", group_norm_geometry(shape_of(input), count, small),
                        grad, input, scale);
      },
      grad_output, x, weight, groups, epsilon);
  module.def(
      "layer_norm",
      [](const FloatArray& input, const FloatArray& scale, const FloatArray& shift, float small) {
        return forward("layer_norm", layer_norm_geometry(shape_of(input), small), input, scale,
                       shift);
      },
      x, weight, bias, epsilon);
  module.def(
      "layer_norm_backward",
      [](const FloatArray& grad, const FloatArray& input, const FloatArray& scale, float small) {
        return backward("layer_norm_backward", layer_norm_geometry(shape_of(input), small), grad,
                        input, scale);
      },
      grad_output, x, weight, epsilon);
}

}  // namespace cnnx::bindings
