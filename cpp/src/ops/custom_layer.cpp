// Calls the functions of a custom layer with the arrays of a plan.
#include "ops/custom_layer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "ops/add.h"
#include "ops/image_shape.h"
#include "runtime/memory.h"

namespace cnnx {

CustomLayer::~CustomLayer() = default;

std::vector<CustomParameter> CustomLayer::parameters(const std::vector<Shape>& /*inputs*/) const {
  return {};
}

namespace ops {
namespace {

using Functions = std::shared_ptr<const CustomLayer>;

// The functions with the shapes of a batch.
class BoundCustomLayer final : public BoundOp {
 public:
  BoundCustomLayer(std::string name, Functions functions, std::vector<Shape> inputs, Shape output,
                   const std::vector<ParameterSpec>& parameters)
      : name_(std::move(name)),
        functions_(std::move(functions)),
        inputs_(std::move(inputs)),
        output_(std::move(output)) {
    for (const Shape& input : inputs_) input_floats_.push_back(element_count(input));
    for (const ParameterSpec& parameter : parameters)
      parameter_floats_.push_back(element_count(parameter.shape));
  }

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    // One call in the thread that runs the plan: threads of a loop do not catch exceptions.
    traits.runs_in_slices = false;
    return traits;
  }

  // For gradients that are added to others: the functions only write.
  int64_t backward_scratch_floats(int) const override {
    int64_t floats = 0;
    for (const auto* counts : {&input_floats_, &parameter_floats_})
      for (const int64_t count : *counts) floats += runtime::round_up_to_line(count);
    return floats;
  }

  void forward(const ForwardArguments& a) const override {
    functions_->forward({arrays(a.inputs, a.parameters), a.output});
  }

  void backward(const BackwardArguments& a) const override {
    float* scratch = a.scratch;
    const auto written = [&](float* values, bool accumulate, int64_t count) {
      if (!values || !accumulate) return values;
      return std::exchange(scratch, scratch + runtime::round_up_to_line(count));
    };
    std::array<float*, kMostInputs> grad_inputs{};
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const InputGradient& gradient = a.grad_inputs[i];
      grad_inputs[i] = written(gradient.values, gradient.accumulate, input_floats_[i]);
    }
    std::array<float*, kMostParameters> grad_parameters{};
    for (std::size_t i = 0; i < parameter_floats_.size(); ++i) {
      grad_parameters[i] =
          written(a.grad_parameters[i], a.accumulate_parameters, parameter_floats_[i]);
    }
    functions_->backward({arrays(a.inputs, a.parameters), a.output, a.grad_output,
                          grad_inputs.data(), grad_parameters.data()});
    const auto add = [&](float* values, const float* from, int64_t count) {
      if (values != from) add_arrays(values, from, count, /*relu=*/false, a.threads, values);
    };
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      add(a.grad_inputs[i].values, grad_inputs[i], input_floats_[i]);
    for (std::size_t i = 0; i < parameter_floats_.size(); ++i)
      add(a.grad_parameters[i], grad_parameters[i], parameter_floats_[i]);
  }

 private:
  CustomLayer::Arrays arrays(const float* const* inputs, const float* const* parameters) const {
    return {name_, inputs_, output_, inputs, parameters};
  }

  std::string name_;
  Functions functions_;
  std::vector<Shape> inputs_;
  Shape output_;
  std::vector<int64_t> input_floats_, parameter_floats_;
};

bool has_sizes(const Shape& shape) {
  return !shape.empty() &&
         std::all_of(shape.begin(), shape.end(), [](int64_t size) { return size >= 1; });
}

class CustomOp final : public MergeOp {
 public:
  CustomOp(const Layer& layer, Functions functions,
           std::optional<std::vector<std::string>> parameter_names)
      : kind_(layer.kind),
        name_(layer.name.empty() ? layer.kind : layer.name),
        functions_(std::move(functions)),
        parameter_names_(std::move(parameter_names)) {}

  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    Shape output = described(inputs).output;
    output.insert(output.begin(), inputs[0][0]);
    return output;
  }
  std::vector<ParameterSpec> merged_parameters(const std::vector<Shape>& inputs) const override {
    return described(inputs).parameters;
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion&) const override {
    return std::make_unique<BoundCustomLayer>(name_, functions_, inputs, merged_shape(inputs),
                                              described(inputs).parameters);
  }
  bool may_throw() const override { return true; }

 private:
  struct Described {
    std::vector<Shape> images;  // of the inputs
    Shape output;
    std::vector<ParameterSpec> parameters;
  };

  // Asks the functions once, before threads share the op: another answer later would not fit the
  // memory of the graph.
  const Described& described(const std::vector<Shape>& inputs) const {
    if (!described_) described_ = describe(inputs);
    return *described_;
  }

  Described describe(const std::vector<Shape>& inputs) const {
    Described result;
    for (const Shape& input : inputs) {
      if (input.empty() || input[0] != inputs[0][0]) {
        refuse_shape(kind_.c_str(), "an input", input, "the batch of the first as its first axis");
      }
      result.images.emplace_back(input.begin() + 1, input.end());
    }
    result.output = functions_->output_shape(result.images);
    if (!has_sizes(result.output)) {
      refuse(kind_.c_str(),
             "its output_shape is " + to_string(result.output) + ", expected axes of at least 1");
    }
    for (CustomParameter& parameter : functions_->parameters(result.images))
      add(std::move(parameter), result.parameters);
    check_names(result.parameters);
    return result;
  }

  void add(CustomParameter parameter, std::vector<ParameterSpec>& parameters) const {
    const auto fail = [&](const std::string& what) { refuse(kind_.c_str(), what); };
    if (!is_name(parameter.name)) {
      fail("a parameter is named \"" + parameter.name.substr(0, 64) +
           "\", expected 1 to 64 lower-case letters, digits and underscores");
    }
    for (const ParameterSpec& other : parameters)
      if (other.name == parameter.name) fail("two parameters are named " + parameter.name);
    if (!has_sizes(parameter.shape)) {
      fail("parameter " + parameter.name + " has shape " + to_string(parameter.shape) +
           ", expected axes of at least 1");
    }
    if (parameter.fan_in < 0 || !std::isfinite(parameter.initial)) {
      fail("parameter " + parameter.name + " begins with fan_in " +
           std::to_string(parameter.fan_in) + " and initial " + std::to_string(parameter.initial) +
           ", expected fan_in >= 0 and a finite number");
    }
    if (parameters.size() == kMostParameters)
      fail("has more than " + std::to_string(kMostParameters) + " parameters");
    parameters.push_back({std::move(parameter.name), std::move(parameter.shape), parameter.fan_in,
                          parameter.initial});
  }

  void check_names(const std::vector<ParameterSpec>& parameters) const {
    if (!parameter_names_) return;
    std::vector<std::string> names;
    for (const ParameterSpec& parameter : parameters) names.push_back(parameter.name);
    if (names == *parameter_names_) return;
    const auto listed = [](const std::vector<std::string>& all) {
      std::string text;
      for (const std::string& name : all) text += (text.empty() ? "" : ", ") + name;
      return text.empty() ? "none" : text;
    };
    refuse(kind_.c_str(), "its parameters are " + listed(names) +
                              ", expected those of the kind: " + listed(*parameter_names_));
  }

  std::string kind_, name_;
  Functions functions_;
  std::optional<std::vector<std::string>> parameter_names_;
  mutable std::optional<Described> described_;
};

}  // namespace

std::unique_ptr<const Op> make_custom_op(const Layer& layer) {
  if (layer.kind != kCustomKind.name) {
    throw std::invalid_argument(layer.kind +
                                ": has functions of the program, expected the kind \"custom\"");
  }
  if (!layer.custom) {
    throw std::invalid_argument(
        "custom: has no functions of the program, expected Layer::custom, which no file holds");
  }
  if (!layer.settings.empty()) refuse("custom", "has settings, expected none");
  return std::make_unique<CustomOp>(layer, layer.custom, std::nullopt);
}

std::unique_ptr<const Op> make_custom_op(const Layer& layer, Functions functions,
                                         std::vector<std::string> parameters) {
  return std::make_unique<CustomOp>(layer, std::move(functions), std::move(parameters));
}

bool is_name(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= kLongest && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace ops
}  // namespace cnnx
