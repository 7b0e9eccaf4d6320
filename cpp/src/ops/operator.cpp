// Operator: a bound op, and the checks of the arrays of a call.
#include "cnnx/operator.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "cnnx/runtime.h"
#include "ops/add.h"
#include "ops/op_inputs.h"
#include "ops/registry.h"
#include "ops/single_call.h"

namespace cnnx {

struct Operator::State {
  State(const Layer& layer, std::vector<Shape> inputs, const std::vector<Shape>& parameter_shapes,
        ops::Limits limits);

  [[noreturn]] void refuse(const std::string& reason) const {
    throw std::invalid_argument(name + ": " + reason);
  }
  // `arrays` is a list of the call's arguments.
  template <class Pointer>
  void check_count(const char* argument, const std::vector<Pointer>& arrays,
                   std::size_t expected) const {
    if (arrays.size() == expected) return;
    refuse(std::string(argument) + " holds " + std::to_string(arrays.size()) +
           (arrays.size() == 1 ? " array" : " arrays") + ", expected " + std::to_string(expected));
  }

  std::string name;
  std::vector<Shape> input_shapes;
  Shape output_shape;
  std::vector<ArrayInfo> parameters, buffers;
  std::unique_ptr<const ops::BoundOp> bound;  // null: the output is the input's memory
  bool reads_input = false, reads_output = false;
};

namespace {

std::vector<ArrayInfo> infos_of(const std::vector<ops::ParameterSpec>& specs) {
  std::vector<ArrayInfo> infos;
  infos.reserve(specs.size());
  for (const ops::ParameterSpec& spec : specs) infos.push_back({spec.name, spec.shape});
  return infos;
}

}  // namespace

Operator::State::State(const Layer& layer, std::vector<Shape> inputs,
                       const std::vector<Shape>& parameter_shapes, ops::Limits limits)
    : name(layer.name.empty() ? layer.kind : layer.name), input_shapes(std::move(inputs)) {
  const auto op = ops::make_op(layer, limits);
  ops::check_input_count(ops::kind_of(layer), input_shapes.size());
  for (const Shape& shape : input_shapes) element_count(shape);
  if (!parameter_shapes.empty()) op->check_weight(input_shapes[0], parameter_shapes[0]);
  output_shape = ops::output_shape(*op, input_shapes);
  parameters = infos_of(ops::parameters(*op, input_shapes));
  buffers = infos_of(op->buffers(input_shapes[0]));
  if (parameter_shapes.size() > parameters.size())
    check_count("parameter_shapes", parameter_shapes, parameters.size());
  for (std::size_t i = 0; i < parameter_shapes.size(); ++i) {
    if (parameter_shapes[i] == parameters[i].shape) continue;
    refuse(parameters[i].name + " has shape " + to_string(parameter_shapes[i]) + ", expected " +
           to_string(parameters[i].shape));
  }
  bound = ops::bind(*op, input_shapes, {});
  if (!bound) return;
  const ops::BoundOpTraits traits = bound->traits();
  reads_input = traits.backward_reads_input;
  reads_output = traits.backward_reads_output;
}

Operator::Operator(const Layer& layer, std::vector<Shape> input_shapes)
    : state_(std::make_unique<State>(layer, std::move(input_shapes), std::vector<Shape>{},
                                     ops::Limits::checked)) {}

Operator::Operator(const Layer& layer, std::vector<Shape> input_shapes,
                   const std::vector<Shape>& parameter_shapes)
    : state_(std::make_unique<State>(layer, std::move(input_shapes), parameter_shapes,
                                     ops::Limits::unchecked)) {}

Operator::Operator(Operator&&) noexcept = default;
Operator& Operator::operator=(Operator&&) noexcept = default;
Operator::~Operator() = default;

const Operator::State& Operator::state() const {
  if (!state_) throw std::invalid_argument("operator: it was moved from, expected one of a layer");
  return *state_;
}

const Shape& Operator::output_shape() const { return state().output_shape; }
const std::vector<ArrayInfo>& Operator::parameters() const { return state().parameters; }
const std::vector<ArrayInfo>& Operator::buffers() const { return state().buffers; }
bool Operator::backward_reads_input() const { return state().reads_input; }
bool Operator::backward_reads_output() const { return state().reads_output; }

void Operator::forward(const ForwardArrays& arrays) const {
  const State& state = this->state();
  state.check_count("inputs", arrays.inputs, state.input_shapes.size());
  state.check_count("parameters", arrays.parameters, state.parameters.size());
  state.check_count("buffers", arrays.buffers, state.buffers.size());
  if (!state.bound) {
    std::copy_n(arrays.inputs[0], element_count(state.output_shape), arrays.output);
    return;
  }
  ops::ForwardArguments a;
  a.inputs = arrays.inputs.data();
  a.parameters = arrays.parameters.data();
  // In inference they are read alone.
  a.buffers = const_cast<float* const*>(arrays.buffers.data());
  a.output = arrays.output;
  ops::call_forward(*state.bound, a);
}

void Operator::backward(const BackwardArrays& arrays) const {
  const State& state = this->state();
  const std::size_t input_count = state.input_shapes.size();
  if (state.reads_input || !arrays.inputs.empty())
    state.check_count("inputs", arrays.inputs, input_count);
  if (state.reads_output && !arrays.output)
    state.refuse("output is null, expected forward's, which backward reads");
  state.check_count("parameters", arrays.parameters, state.parameters.size());
  state.check_count("buffers", arrays.buffers, state.buffers.size());
  if (!arrays.grad_inputs.empty())
    state.check_count("grad_inputs", arrays.grad_inputs, input_count);
  if (!arrays.grad_parameters.empty())
    state.check_count("grad_parameters", arrays.grad_parameters, state.parameters.size());

  std::vector<const float*> inputs = arrays.inputs;
  inputs.resize(input_count);
  std::vector<ops::InputGradient> grad_inputs(input_count);
  for (std::size_t i = 0; i < arrays.grad_inputs.size(); ++i) {
    grad_inputs[i].values = arrays.grad_inputs[i];
    grad_inputs[i].accumulate = arrays.accumulate;
  }
  std::vector<float*> grad_parameters = arrays.grad_parameters;
  grad_parameters.resize(state.parameters.size());
  if (!state.bound) {
    ops::pass_gradient(arrays.grad_output, grad_inputs[0], element_count(state.output_shape),
                       get_num_threads());
    return;
  }
  ops::BackwardArguments a;
  a.inputs = inputs.data();
  a.output = arrays.output;
  a.parameters = arrays.parameters.data();
  a.buffers = arrays.buffers.data();
  // Only an op that fused a ReLU writes to it.
  a.grad_output = const_cast<float*>(arrays.grad_output);
  a.grad_inputs = grad_inputs.data();
  a.grad_parameters = grad_parameters.data();
  a.accumulate_parameters = arrays.accumulate;
  ops::call_backward(*state.bound, a);
}

}  // namespace cnnx
