// One call of an op, forward or backward, on arrays: the implementation of cnnx.ops.
#include "cnnx/operator.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "arguments.h"
#include "bindings.h"
#include "layer.h"

namespace cnnx::bindings {
namespace {

// An op's input, or only its shape if backward does not read it.
using InputArgument = std::variant<FloatArray, Shape>;

// `suffix` is that of the function that errors name.
Operator operator_of(const std::string& kind, const char* suffix, const py::dict& settings,
                     Shape input_shape, const std::vector<FloatArray>& parameters) {
  Layer layer = layer_of(kind, settings);
  layer.name = kind + suffix;
  std::vector<Shape> shapes;
  for (const FloatArray& parameter : parameters) shapes.push_back(shape_of(parameter));
  return Operator(layer, {std::move(input_shape)}, shapes);
}

std::vector<const float*> pointers_to(const std::vector<FloatArray>& arrays) {
  std::vector<const float*> pointers;
  for (const FloatArray& array : arrays) pointers.push_back(array.data());
  return pointers;
}

FloatArray run_op(const std::string& kind, const py::dict& settings, const FloatArray& x,
                  const std::vector<FloatArray>& parameters) {
  const Operator op = operator_of(kind, "", settings, shape_of(x), parameters);
  FloatArray output = new_array(op.output_shape());
  const Operator::ForwardArrays arrays{
      {x.data()}, pointers_to(parameters), {}, output.mutable_data()};
  const ReleaseGil release;
  op.forward(arrays);
  return output;
}

// The gradients of the input and of every parameter.
py::tuple run_op_backward(const std::string& kind, const py::dict& settings,
                          const FloatArray& grad_output, const InputArgument& x,
                          const std::vector<FloatArray>& parameters,
                          const std::optional<FloatArray>& output) {
  const FloatArray* const input = std::get_if<FloatArray>(&x);
  const Shape input_shape = input ? shape_of(*input) : std::get<Shape>(x);
  const Operator op = operator_of(kind, "_backward", settings, input_shape, parameters);
  check_shape((kind + "_backward").c_str(), "grad_output", grad_output, op.output_shape());

  Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  if (input) arrays.inputs = {input->data()};
  if (output) arrays.output = output->data();
  arrays.parameters = pointers_to(parameters);
  arrays.parameters.resize(op.parameters().size());  // a bias, which backward does not read
  py::tuple gradients(1 + op.parameters().size());
  const auto add_gradient = [&](std::size_t position, const Shape& shape) {
    FloatArray gradient = new_array(shape);
    gradients[position] = gradient;
    return gradient.mutable_data();
  };
  arrays.grad_inputs.push_back(add_gradient(0, input_shape));
  for (const ArrayInfo& parameter : op.parameters())
    arrays.grad_parameters.push_back(
        add_gradient(1 + arrays.grad_parameters.size(), parameter.shape));
  {
    const ReleaseGil release;
    op.backward(arrays);
  }
  return gradients;
}

}  // namespace

void bind_operator(py::module_& module) {
  module.def("run_op", &run_op, py::arg("kind"), py::arg("settings"), py::arg("x").noconvert(),
             py::arg("parameters").noconvert() = py::tuple());
  module.def("run_op_backward", &run_op_backward, py::arg("kind"), py::arg("settings"),
             py::arg("grad_output").noconvert(), py::arg("x").noconvert(),
             py::arg("parameters").noconvert() = py::tuple(),
             py::arg("output").noconvert() = py::none());
}

}  // namespace cnnx::bindings
