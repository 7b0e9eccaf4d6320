// Kinds of layers that the program registers: one with settings and a parameter against differences
// of its outputs, in training, files and texts of C; copies of descriptions; and refusals.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cnnx/c_api.h"
#include "cnnx/checkpoint.h"
#include "cnnx/custom_layer.h"
#include "cnnx/layers.h"
#include "cnnx/operator.h"
#include "cnnx/setting_description.h"
#include "cnnx/trainer.h"
#include "custom_layers.h"
#include "temporary_folder.h"

namespace {

using namespace cnnx::layers;
using namespace cnnx::test;
using cnnx::CustomLayer;
using cnnx::element_count;
using cnnx::Layer;
using cnnx::LayerKind;
using cnnx::Model;
using cnnx::Shape;
using cnnx::Trainer;

// gain[channel] * x * sigmoid(beta * x).
class Swish : public CustomLayer {
 public:
  Swish(float beta, bool has_gain) : beta_(beta), has_gain_(has_gain) {}
  Shape output_shape(const std::vector<Shape>& inputs) const override { return inputs[0]; }
  std::vector<cnnx::CustomParameter> parameters(const std::vector<Shape>& inputs) const override {
    if (!has_gain_) return {};
    return {{"gain", {inputs[0].back()}, 0, 1.0f}};
  }
  void forward(const ForwardCall& call) const override {
    for_each(call, [&](int64_t i, float x, float gate, float gain, int64_t) {
      call.output[i] = gain * x * gate;
    });
  }
  void backward(const BackwardCall& call) const override {
    float* const grad_input = call.grad_inputs[0];
    float* const grad_gain = has_gain_ ? call.grad_parameters[0] : nullptr;
    if (grad_gain) std::fill_n(grad_gain, call.output_shape.back(), 0.0f);
    for_each(call, [&](int64_t i, float x, float gate, float gain, int64_t channel) {
      const float slope = gate + beta_ * x * gate * (1 - gate);
      if (grad_input) grad_input[i] = call.grad_output[i] * gain * slope;
      if (grad_gain) grad_gain[channel] += call.grad_output[i] * x * gate;
    });
  }

 private:
  template <class Body>
  void for_each(const Arrays& call, const Body& body) const {
    const int64_t channels = call.output_shape.back();
    for (int64_t i = 0; i < element_count(call.output_shape); ++i) {
      const float x = call.inputs[0][i];
      body(i, x, 1 / (1 + std::exp(-beta_ * x)), has_gain_ ? call.parameters[0][i % channels] : 1,
           i % channels);
    }
  }

  float beta_;
  bool has_gain_;
};

constexpr cnnx::SettingInfo kSettings[] = {
    cnnx::setting::real("beta", "steepness of the sigmoid").otherwise(1).above(0),
    cnnx::setting::boolean("has_gain", "whether channels have a factor").otherwise(1)};
constexpr cnnx::LayerArray kParameters[] = {{"gain", "has_gain"}};
constexpr LayerKind kSwish{"scaled_swish", "gain * x * sigmoid(beta * x)", kSettings, kParameters};

std::shared_ptr<const CustomLayer> make_swish(const cnnx::Settings& settings) {
  return std::make_shared<Swish>(std::get<float>(settings.at("beta")),
                                 std::get<bool>(settings.at("has_gain")));
}

Layer swish(float beta, bool has_gain = true) {
  return {"scaled_swish", {{"beta", beta}, {"has_gain", has_gain}}};
}

void a_kind_is_registered_once() {
  CHECK_THROWS(std::invalid_argument, "layer kind \"scaled_swish\" is unknown",
               check_layer(swish(1)));
  std::atomic<int> registered{0};
  std::vector<std::thread> threads;
  const bool is_alone = left_out_of_webassembly("registrations at the same time", kOneThread);
  for (int i = 0; i < (is_alone ? 0 : 8); ++i) {
    threads.emplace_back([&] {
      try {
        register_layer_kind(kSwish, make_swish);
        ++registered;
      } catch (const std::invalid_argument&) {
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (is_alone) register_layer_kind(kSwish, make_swish);
  CHECK(is_alone || registered == 1);
  CHECK_THROWS(std::invalid_argument,
               "register_layer_kind: there is a kind \"scaled_swish\" already",
               register_layer_kind(kSwish, make_swish));
  const std::vector<LayerKind> kinds = cnnx::registered_layer_kinds();
  CHECK_EQUAL(kinds.size(), 1U);
  CHECK_EQUAL(std::string(kinds[0].name), "scaled_swish");
  CHECK(kinds[0].name != kSwish.name);  // a copy
  CHECK_EQUAL(std::string(kinds[0].settings[0].words), "steepness of the sigmoid");
  CHECK_EQUAL(std::string(kinds[0].parameters[0].only_if), "has_gain");
  for (const LayerKind& kind : cnnx::layer_kinds()) CHECK(std::string(kind.name) != "scaled_swish");
}

// The gradients of sum(grad_output * output) against differences.
void its_gradients_are_those_of_differences() {
  const Shape shape{2, 3, 3, 4};
  const cnnx::Operator op(swish(1.5f), {shape});
  CHECK_EQUAL(op.parameters()[0].name, "gain");
  const int64_t count = element_count(shape);
  Floats x = values(count, 2), gain = values(4, 3), grad_x(x.size()), grad_gain(4);
  const Floats grad_output = values(count, 5);
  Floats output(x.size());
  const auto sum = [&] {
    op.forward({{x.data()}, {gain.data()}, {}, output.data()});
    double total = 0;
    for (std::size_t i = 0; i < output.size(); ++i)
      total += static_cast<double>(grad_output[i]) * static_cast<double>(output[i]);
    return total;
  };
  sum();
  cnnx::Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  arrays.inputs = {x.data()};
  arrays.output = output.data();
  arrays.parameters = {gain.data()};
  arrays.grad_inputs = {grad_x.data()};
  arrays.grad_parameters = {grad_gain.data()};
  op.backward(arrays);
  const auto check = [&](Floats& numbers, const Floats& gradient) {
    for (std::size_t i = 0; i < numbers.size(); i += 3) {
      const float kept = numbers[i], step = 1e-2f;
      numbers[i] = kept + step;
      const double above = sum();
      numbers[i] = kept - step;
      const double difference = (above - sum()) / (2 * static_cast<double>(step));
      numbers[i] = kept;
      CHECK(std::abs(difference - static_cast<double>(gradient[i])) < 1e-3);
    }
  };
  check(x, grad_x);
  check(gain, grad_gain);
  Floats twice = grad_x, twice_gain = grad_gain;
  arrays.accumulate = true;
  arrays.grad_inputs = {twice.data()};
  arrays.grad_parameters = {twice_gain.data()};
  op.backward(arrays);
  for (std::size_t i = 0; i < twice.size(); ++i) CHECK_EQUAL(twice[i], 2 * grad_x[i]);
  for (std::size_t i = 0; i < 4; ++i) CHECK_EQUAL(twice_gain[i], 2 * grad_gain[i]);
}

void it_trains_and_lies_in_files() {
  const cnnx::test::TemporaryFolder folder("custom_layer_test");
  const std::vector<Layer> layers = {Conv2d(4, 3), swish(2), swish(1, false), Flatten(), Dense(3)};
  Model model(layers, kImage);
  CHECK_EQUAL(model.parameters()[2].name, "scaled_swish_1.gain");
  CHECK(array(model, 2) == Floats(4, 1.0f));
  Trainer trainer(model, cnnx::Adam{1e-2});
  const double first = trainer.step(kBatch, {kLabels.data()});
  for (int step = 0; step < 30; ++step) trainer.step(kBatch, {kLabels.data()});
  CHECK(trainer.step(kBatch, {kLabels.data()}) < first / 2);
  CHECK(array(model, 2) != Floats(4, 1.0f));
  const std::string path = (folder / "swish.cnnx").string();
  model.save(path);
  const Model loaded = Model::load(path);
  CHECK(same_arrays(loaded, model));
  CHECK(same_bits(loaded.run(kBatch), model.run(kBatch)));
  CHECK(loaded.to_bytes() == model.to_bytes());
  CHECK_EQUAL(std::get<float>(loaded.layers()[1].settings.at("beta")), 2.0f);
  trainer.save_checkpoint((folder / "run.ckpt").string());
  CHECK(same_arrays(cnnx::Checkpoint::load((folder / "run.ckpt").string()).model(), model));
  CHECK(same_bits(loaded.clone().resized(8, 8).run(kBatch), model.run(kBatch)));

  cnnx_model* in_c = nullptr;
  const char* text =
      "conv2d out_channels=4 kernel_size=3\nscaled_swish beta=2\nflatten\n"
      "dense out_features=3\n";
  CHECK_EQUAL(cnnx_model_create(text, 8, 8, 2, nullptr, 0, nullptr, &in_c), CNNX_OK);
  cnnx_model_destroy(in_c);
}

void settings_are_checked() {
  CHECK_THROWS(
      std::invalid_argument,
      "layer scaled_swish_1: scaled_swish: beta is -1.000000, expected a finite number > 0",
      Model({swish(-1)}, kImage));
  CHECK_THROWS(std::invalid_argument, "scaled_swish: beta is missing",
               cnnx::check_layer({"scaled_swish", {{"has_gain", true}}}));
  CHECK_THROWS(
      std::invalid_argument, "scaled_swish: has no setting named gamma",
      cnnx::check_layer({"scaled_swish", {{"beta", 1.0f}, {"has_gain", true}, {"gamma", 1.0f}}}));
  Layer two = swish(1);
  two.inputs = {"input", "input"};
  CHECK_THROWS(std::invalid_argument, "scaled_swish: has 2 inputs, expected one",
               Model({two}, kImage));
}

void refuse(LayerKind kind, const std::string& sentence) {
  CHECK_THROWS(std::invalid_argument, "register_layer_kind: " + sentence,
               register_layer_kind(kind, make_swish));
}

void refuse_setting(const cnnx::SettingInfo& setting, const std::string& sentence) {
  const cnnx::SettingInfo settings[] = {setting};
  refuse({"other", "", settings}, sentence);
}

void descriptions_are_checked() {
  using namespace cnnx::setting;
  for (const char* name : {"", "Swish", "2d", "my swish", "swish.2", "_x", "swish\n"})
    refuse({name, ""}, "a kind is named \"");
  refuse({nullptr, ""}, "a kind is named \"\"");
  refuse({std::string(65, 'a').c_str(), ""}, "a kind is named \"");
  for (const char* name : {"conv2d", "relu", "custom", "residual", "parallel", "input"})
    refuse({name, ""}, std::string("there is a kind \"") + name + "\" already");
  refuse({"other", "", {}, {}, {}, 0, 1}, "other takes 0 to 1 inputs, expected numbers from 1");
  refuse({"other", "", {}, {}, {}, 2, 1}, "other takes 2 to 1 inputs");
  refuse({"other", "", {}, {}, {}, 1, 65}, "other takes 1 to 65 inputs");
  const cnnx::LayerArray arrays[] = {{"gain"}, {"gain"}};
  refuse({"other", "", {}, {}, arrays}, "other has buffers, expected none");
  refuse({"other", "", {}, arrays}, "other has two settings or parameters named gain");
  const cnnx::LayerArray depends[] = {{"gain", "has_gain"}};
  refuse({"other", "", {}, depends}, "other: parameter gain depends on has_gain, expected");
  refuse_setting(real("Beta", ""), "setting of other is named \"Beta\"");
  refuse_setting(real("inputs", ""), "other has a setting named inputs, a word of the library");
  refuse_setting(integer("size", -1, ""), "other: setting size has the limits -1.0");
  refuse_setting(real("beta", "").from(2).to(1), "other: setting beta has the limits 2.0");
  refuse_setting(real("beta", "").from(0.5f), "other: setting beta has the limits 0.5");
  refuse_setting(real("beta", "").to(1), "other: setting beta has the limits -inf");
  refuse_setting(real("beta", "").above(0).otherwise(0),
                 "the default of other: beta is 0.000000, expected a finite number > 0");
  refuse_setting(integer("size", 2, "").otherwise(1), "the default of other: size is 1, expected");
  refuse_setting(real("beta", "").otherwise(std::nan("")),
                 "other: setting beta has the default nan");
  refuse_setting(pair("size", 1, "").same_as("kernel"),
                 "other: setting size has the default of kernel");
  refuse_setting(real("beta", "").not_saved(),
                 "other: setting beta may be missing, expected a default");
  refuse_setting({"mode", "", cnnx::SettingForm::choice}, "other: setting mode has 0 choices");
  static constexpr const char* kModes[] = {"a", "b"};
  refuse_setting(choice("mode", kModes, "").otherwise(2),
                 "other: setting mode has the default 2.0");
  CHECK_THROWS(std::invalid_argument, "make of other is empty, expected a function",
               cnnx::register_layer_kind({"other", ""}, nullptr));
  CHECK_EQUAL(cnnx::registered_layer_kinds().size(), 1U);
}

// The identity.
struct Same : CustomLayer {
  Shape output_shape(const std::vector<Shape>& inputs) const override { return inputs[0]; }
  void forward(const ForwardCall& call) const override {
    std::copy_n(call.inputs[0], element_count(call.output_shape), call.output);
  }
  void backward(const BackwardCall& call) const override {
    std::copy_n(call.grad_output, element_count(call.output_shape), call.grad_inputs[0]);
  }
};

// A description of every form of setting, in memory that is freed after its registration.
void descriptions_are_copied() {
  static cnnx::Settings made;
  {
    using namespace cnnx::setting;
    std::string name = "every_form", size = "size", words = "meaning";
    std::vector<std::string> choices{"nearest", "bilinear"};
    const char* const modes[] = {choices[0].c_str(), choices[1].c_str()};
    const cnnx::SettingInfo settings[] = {pair(size.c_str(), 1, words.c_str()),
                                          pair("stride", 1, "").same_as(size.c_str()),
                                          choice("mode", modes, "").otherwise(1).omit_default(),
                                          sides("border", "").otherwise(0),
                                          padding("padding", "").otherwise(0),
                                          integer("count", 0, "").otherwise(3).not_saved()};
    cnnx::register_layer_kind({name.c_str(), words.c_str(), settings},
                              [](const cnnx::Settings& given) {
                                made = given;
                                return std::make_shared<Same>();
                              });
    for (std::string* text : {&name, &size, &words, &choices[0], &choices[1]})
      std::fill(text->begin(), text->end(), '#');
  }
  using Sizes = std::vector<int64_t>;
  const Sizes two{2, 2}, four{0, 0, 0, 0};
  const Layer layer{"every_form",
                    {{"size", two}, {"stride", two}, {"border", four}, {"padding", four}}};
  Model model({layer, Conv2d(1, 1)}, kImage);
  CHECK(made.size() == 6 && std::get<std::string>(made.at("mode")) == "bilinear");
  CHECK_EQUAL(std::get<int64_t>(made.at("count")), 3);
  const std::vector<std::byte> bytes = model.to_bytes();
  CHECK(Model::from_bytes(bytes.data(), bytes.size()).to_bytes() == bytes);
  Layer wrong = layer;
  wrong.settings["mode"] = std::string("cubic");
  CHECK_THROWS(std::invalid_argument,
               "every_form: mode is \"cubic\", expected \"nearest\" or \"bilinear\"",
               check_layer(wrong));
}

// With a parameter that its kind does not have.
struct Odd : Same {
  std::vector<cnnx::CustomParameter> parameters(const std::vector<Shape>&) const override {
    return {{"gain", {1}}};
  }
};

void made_functions_are_checked() {
  cnnx::register_layer_kind({"odd", "has another parameter"},
                            [](const cnnx::Settings&) { return std::make_shared<Odd>(); });
  CHECK_THROWS(std::invalid_argument,
               "odd: its parameters are gain, expected those of the kind: none",
               Model({Layer{"odd"}}, kImage));
  cnnx::register_layer_kind({"nothing", ""}, [](const cnnx::Settings&) { return nullptr; });
  CHECK_THROWS(std::invalid_argument, "nothing: its registered function made no layer",
               Model({Layer{"nothing"}}, kImage));
}

}  // namespace

int registered_kind_test(int, char*[]) {
  a_kind_is_registered_once();
  its_gradients_are_those_of_differences();
  it_trains_and_lies_in_files();
  settings_are_checked();
  descriptions_are_checked();
  descriptions_are_copied();
  made_functions_are_checked();
  return cnnx::test::finish("registered_kind_test");
}
