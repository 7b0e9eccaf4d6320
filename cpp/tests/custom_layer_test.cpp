// Layers that functions of the program compute: against those of the library, bit by bit, on any
// number of threads; exceptions of the functions; and refusals.
#include "cnnx/custom_layer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/operator.h"
#include "cnnx/runtime.h"
#include "cnnx/trainer.h"
#include "custom_layers.h"

namespace {

using namespace cnnx::layers;
using namespace cnnx::test;
using cnnx::CustomLayer;
using cnnx::element_count;
using cnnx::Layer;
using cnnx::Model;
using cnnx::Shape;
using cnnx::Trainer;

// Calls of the functions of all layers.
std::atomic<int> forwards{0}, backwards{0};
std::atomic<bool> throws_in_forward{false}, throws_in_backward{false};
std::thread::id caller;

void count_call(std::atomic<int>& calls, const std::atomic<bool>& throws) {
  ++calls;
  CHECK(std::this_thread::get_id() == caller);
  if (throws) throw std::runtime_error("no more");
}

// max(x, 0), with the gradient of the library's.
struct Rectifier : CustomLayer {
  Shape output_shape(const std::vector<Shape>& inputs) const override { return inputs[0]; }
  void forward(const ForwardCall& call) const override {
    count_call(forwards, throws_in_forward);
    const int64_t count = element_count(call.output_shape);
    for (int64_t i = 0; i < count; ++i)
      call.output[i] = call.inputs[0][i] < 0 ? 0 : call.inputs[0][i];
  }
  void backward(const BackwardCall& call) const override {
    count_call(backwards, throws_in_backward);
    if (!call.grad_inputs[0]) return;
    for (int64_t i = 0; i < element_count(call.output_shape); ++i)
      call.grad_inputs[0][i] = call.output[i] > 0 ? call.grad_output[i] : 0;
  }
};

struct Sum : CustomLayer {
  Shape output_shape(const std::vector<Shape>& inputs) const override {
    if (inputs.size() != 2 || inputs[0] != inputs[1])
      throw std::invalid_argument("sum: has inputs of different shapes");
    return inputs[0];
  }
  void forward(const ForwardCall& call) const override {
    for (int64_t i = 0; i < element_count(call.output_shape); ++i)
      call.output[i] = call.inputs[0][i] + call.inputs[1][i];
  }
  void backward(const BackwardCall& call) const override {
    for (int k = 0; k < 2; ++k)
      if (call.grad_inputs[k])
        std::copy_n(call.grad_output, element_count(call.output_shape), call.grad_inputs[k]);
  }
};

template <class Functions>
Layer own(std::vector<std::string> inputs = {}) {
  Layer layer{"custom"};
  layer.inputs = std::move(inputs);
  layer.custom = std::make_shared<Functions>();
  return layer;
}

// The same network with layers of the library or with the program's. The output of the first sum is
// read twice, and one sum reads an array twice, so that gradients are added. No sum follows a
// convolution, which would fuse that of the library and add its gradients in another order.
std::vector<Layer> network(bool is_own) {
  const auto relu = [&](const char* name) {
    Layer layer = is_own ? own<Rectifier>() : Layer(ReLU());
    layer.name = name;
    return layer;
  };
  const auto sum = [&](std::vector<std::string> inputs, const char* name) {
    Layer layer = is_own ? own<Sum>(inputs) : Layer(Add().inputs(inputs));
    layer.name = name;
    return layer;
  };
  return {Conv2d(6, 3).padding(1),
          BatchNorm2d(),
          relu("first"),
          Conv2d(6, 3).padding(1),
          Tanh(),
          sum({"tanh_1", "first"}, "sum"),
          sum({"sum", "sum"}, "twice"),
          relu("second"),
          Multiply().inputs({"second", "sum"}),
          MaxPool2d(2),
          Flatten(),
          Dense(3)};
}

void they_compute_the_bits_of_the_library() {
  for (const int threads : {1, 2, 5}) {
    for (const bool recompute : {false, true}) {
      for (const int64_t shards : {1, 3}) {
        cnnx::set_num_threads(threads);
        Model model(network(false), kImage), same(network(true), kImage);
        cnnx::TrainerOptions options;
        options.recompute = recompute;
        options.shards = shards;
        Trainer trainer(model, cnnx::Adam{1e-2}, {}, options);
        Trainer other(same, cnnx::Adam{1e-2}, {}, options);
        for (int step = 0; step < 3; ++step) {
          CHECK_EQUAL(trainer.step(kBatch, {kLabels.data()}), other.step(kBatch, {kLabels.data()}));
        }
        CHECK(same_arrays(model, same));
        CHECK(same_bits(model.run(kBatch), same.run(kBatch)));
        const Floats grad_outputs = values(kImages * 3, 4);
        for (const char* of : {"input", "first", "sum"}) {
          const auto size = static_cast<std::size_t>(kImages * (of[0] == 'i' ? 128 : 384));
          Floats found(size), expected(size);
          same.gradients(kBatch, grad_outputs.data(), of, found.data());
          model.gradients(kBatch, grad_outputs.data(), of, expected.data());
          CHECK(same_bits(found, expected));
        }
      }
    }
  }
  cnnx::set_num_threads(2);
}

void one_call_computes_the_batch() {
  Model model(network(true), kImage);
  forwards = 0;
  static_cast<void>(model.run(kBatch));
  CHECK_EQUAL(forwards, 2);
  Trainer trainer(model);
  forwards = backwards = 0;
  trainer.step(kBatch, {kLabels.data()});
  CHECK_EQUAL(forwards, 2);
  CHECK_EQUAL(backwards, 2);
}

// A convolution by an Operator, which computes in the threads of the call.
struct Convolution : CustomLayer {
  static Layer layer() { return Conv2d(6, 3).padding(1); }
  Shape output_shape(const std::vector<Shape>& inputs) const override {
    return {inputs[0][0], inputs[0][1], 6};
  }
  std::vector<cnnx::CustomParameter> parameters(const std::vector<Shape>& inputs) const override {
    const int64_t channels = inputs[0][2];
    return {{"weight", {3, 3, channels, 6}, 9 * channels}, {"bias", {6}}};
  }
  void forward(const ForwardCall& call) const override {
    const cnnx::Operator op(layer(), call.input_shapes);
    op.forward({{call.inputs[0]}, {call.parameters[0], call.parameters[1]}, {}, call.output});
  }
  void backward(const BackwardCall& call) const override {
    const cnnx::Operator op(layer(), call.input_shapes);
    cnnx::Operator::BackwardArrays arrays;
    arrays.grad_output = call.grad_output;
    arrays.inputs = {call.inputs[0]};
    arrays.output = call.output;
    arrays.parameters = {call.parameters[0], call.parameters[1]};
    arrays.grad_inputs = {call.grad_inputs[0]};
    arrays.grad_parameters = {call.grad_parameters[0], call.grad_parameters[1]};
    op.backward(arrays);
  }
};

void a_layer_may_call_an_operator() {
  const auto build = [](const Layer& convolution) {
    return Model({Conv2d(4, 3), convolution, ReLU(), Flatten(), Dense(3)}, kImage);
  };
  Model model = build(Convolution::layer()), same = build(own<Convolution>());
  CHECK(same_arrays(model, same));
  for (const int threads : {1, 3}) {
    cnnx::set_num_threads(threads);
    CHECK(same_bits(model.run(kBatch), same.run(kBatch)));
  }
  Trainer trainer(model), other(same);
  for (int step = 0; step < 3; ++step) {
    const double loss = trainer.step(kBatch, {kLabels.data()});
    CHECK(std::abs(other.step(kBatch, {kLabels.data()}) - loss) < 1e-4);
  }
  cnnx::set_num_threads(2);
}

// The outer call has scratch for gradients that it adds, and so has the one inside it.
void an_operator_may_call_an_operator() {
  const Shape shape = {kImages, kImage[0], kImage[1], kImage[2]};
  const cnnx::Operator op(own<Convolution>(), {shape});
  const Floats grad_output = values(element_count(op.output_shape()), 2), output = grad_output;
  const Floats weight = values(9 * kImage[2] * 6, 3), bias = values(6, 4);
  const auto gradients = [&](bool accumulate) {
    Floats grad_x(kPixels.size(), 0.5f), grad_weight(weight.size(), 0.5f), grad_bias(6, 0.5f);
    cnnx::Operator::BackwardArrays arrays;
    arrays.grad_output = grad_output.data();
    arrays.inputs = {kPixels.data()};
    arrays.output = output.data();
    arrays.parameters = {weight.data(), bias.data()};
    arrays.grad_inputs = {grad_x.data()};
    arrays.grad_parameters = {grad_weight.data(), grad_bias.data()};
    arrays.accumulate = accumulate;
    op.backward(arrays);
    return std::array{grad_x, grad_weight, grad_bias};
  };
  auto expected = gradients(false);
  for (Floats& each : expected)
    for (float& value : each) value += 0.5f;
  const auto actual = gradients(true);
  for (std::size_t i = 0; i < actual.size(); ++i) CHECK(same_bits(actual[i], expected[i]));
}

// Of a network with running statistics; the second is large, so that updates would follow each
// layer's backward.
void an_exception_leaves_the_model_as_it_was(int64_t features) {
  std::vector<Layer> layers = network(true);
  layers.insert(layers.end() - 1, Dense(features));
  Model model(layers, kImage);
  Trainer trainer(model, cnnx::Sgd{0.1});
  trainer.step(kBatch, {kLabels.data()});
  Model before = model.clone();
  for (std::atomic<bool>* throws : {&throws_in_forward, &throws_in_backward}) {
    *throws = true;
    CHECK_THROWS(std::runtime_error, "no more", trainer.step(kBatch, {kLabels.data()}));
    CHECK(same_arrays(model, before));
    if (throws == &throws_in_forward)
      CHECK_THROWS(std::runtime_error, "no more", model.run(kBatch));
    *throws = false;
  }
  CHECK_THROWS(std::invalid_argument, "one that failed, kept no gradients", trainer.gradients());
  CHECK(same_bits(model.run(kBatch), before.run(kBatch)));
  Trainer other(before, cnnx::Sgd{0.1});
  CHECK_EQUAL(trainer.step(kBatch, {kLabels.data()}), other.step(kBatch, {kLabels.data()}));
  CHECK(same_arrays(model, before));
}

// Functions whose descriptions are wrong.
struct Odd : Rectifier {
  Odd(Shape shape, std::vector<cnnx::CustomParameter> parameters)
      : shape_(std::move(shape)), parameters_(std::move(parameters)) {}
  Shape output_shape(const std::vector<Shape>&) const override { return shape_; }
  std::vector<cnnx::CustomParameter> parameters(const std::vector<Shape>&) const override {
    return parameters_;
  }
  Shape shape_;
  std::vector<cnnx::CustomParameter> parameters_;
};

void functions_are_checked() {
  const auto refuse_odd = [](Shape shape, std::vector<cnnx::CustomParameter> parameters,
                             const char* sentence) {
    Layer layer{"custom"};
    layer.custom = std::make_shared<Odd>(shape, parameters);
    CHECK_THROWS(std::invalid_argument, sentence, Model({layer}, kImage));
  };
  refuse_odd({}, {}, "layer custom_1: custom: its output_shape is (), expected axes of at least 1");
  refuse_odd({2, 0}, {}, "its output_shape is (2, 0)");
  refuse_odd({int64_t{1} << 40, 2}, {}, "its output is (1099511627776, 2)");
  refuse_odd({1}, {{"Gain", {1}}}, "a parameter is named \"Gain\"");
  refuse_odd({1}, {{"gain", {}}}, "parameter gain has shape ()");
  refuse_odd({1}, {{"gain", {0}}}, "parameter gain has shape (0,)");
  refuse_odd({1}, {{"gain", {1}}, {"gain", {1}}}, "two parameters are named gain");
  refuse_odd({1}, {{"gain", {1}, -1}}, "parameter gain begins with fan_in -1");
  refuse_odd({1}, {{"gain", {1}, 0, std::nanf("")}}, "initial nan, expected fan_in >= 0 and");
  std::vector<cnnx::CustomParameter> nine;
  for (int i = 0; i < 9; ++i) nine.push_back({"p" + std::to_string(i), {1}});
  refuse_odd({1}, nine, "custom: has more than 8 parameters");

  CHECK_THROWS(std::invalid_argument, "layer custom_1: custom: has no functions of the program",
               Model({Layer{"custom"}}, kImage));
  Layer named = own<Rectifier>();
  named.kind = "relu";
  CHECK_THROWS(std::invalid_argument, "relu: has functions of the program, expected the kind",
               Model({named}, kImage));
  Layer set = own<Rectifier>();
  set.settings["beta"] = 1.0f;
  CHECK_THROWS(std::invalid_argument, "custom: has settings, expected none", Model({set}, kImage));
  CHECK_THROWS(std::invalid_argument, "layer custom_1: sum: has inputs of different shapes",
               Model({own<Sum>()}, kImage));
}

void no_file_holds_functions() {
  const Model model(network(true), kImage);
  const char* sentence = "model: layer first is computed by functions of the program, which a file";
  CHECK_THROWS(std::invalid_argument, sentence, model.to_bytes());
  CHECK_THROWS(std::invalid_argument, sentence, model.save("nowhere.cnnx"));
  CHECK(same_bits(model.clone().resized(8, 8).run(kBatch), model.run(kBatch)));
}

}  // namespace

int custom_layer_test(int, char*[]) {
  caller = std::this_thread::get_id();
  they_compute_the_bits_of_the_library();
  one_call_computes_the_batch();
  a_layer_may_call_an_operator();
  an_operator_may_call_an_operator();
  an_exception_leaves_the_model_as_it_was(8);
  an_exception_leaves_the_model_as_it_was(60000);
  functions_are_checked();
  no_file_holds_functions();
  return cnnx::test::finish("custom_layer_test");
}
