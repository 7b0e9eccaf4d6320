// The builders of cnnx/layers.h: the layers they describe, the expansion of blocks, and refusals.
// The Python tests compare them with the Python layers, file by file.
#include "cnnx/layers.h"

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/model.h"

namespace {

using namespace cnnx::layers;
using cnnx::Layer;
using cnnx::Model;
using cnnx::Padding;
using Numbers = std::vector<int64_t>;

Numbers list_of(const Layer& layer, const std::string& setting) {
  return std::get<Numbers>(layer.settings.at(setting));
}

std::string word_of(const Layer& layer, const std::string& setting) {
  return std::get<std::string>(layer.settings.at(setting));
}

// "conv2d_1(input) relu_1(conv2d_1)"
std::string written(const Model& model) {
  std::string text;
  for (const Layer& layer : model.layers()) {
    text += (text.empty() ? "" : " ") + layer.name + "(";
    for (const std::string& input : layer.inputs)
      text += (input == layer.inputs[0] ? "" : ",") + input;
    text += ")";
  }
  return text;
}

void settings_have_one_number_or_two() {
  const Layer one = Conv2d(8, 3).stride(2).padding(1).dilation(2);
  CHECK(list_of(one, "kernel_size") == (Numbers{3, 3}));
  CHECK(list_of(one, "stride") == (Numbers{2, 2}));
  CHECK(list_of(one, "padding") == (Numbers{1, 1, 1, 1}));
  CHECK(list_of(one, "dilation") == (Numbers{2, 2}));
  const Layer two = Conv2d(8, {3, 5}).stride({1, 2}).padding({1, 2});
  CHECK(list_of(two, "kernel_size") == (Numbers{3, 5}));
  CHECK(list_of(two, "stride") == (Numbers{1, 2}));
  CHECK(list_of(two, "padding") == (Numbers{1, 1, 2, 2}));
  CHECK(list_of(Conv2d(8, 3).padding({1, 2, 3, 4}), "padding") == (Numbers{1, 2, 3, 4}));
  CHECK_EQUAL(word_of(Conv2d(8, 3).padding(Padding::same), "padding"), "same");
  CHECK_EQUAL(word_of(MaxPool2d(2).padding(Padding::valid), "padding"), "valid");
  CHECK(list_of(MaxPool2d({2, 3}), "stride") == (Numbers{2, 3}));
  CHECK(list_of(AvgPool2d(3).stride(1), "stride") == (Numbers{1, 1}));
}

void what_is_said_of_every_layer() {
  const Layer layer = Dense(3).bias(false).name("scores").inputs({"a"}).trainable(false);
  CHECK_EQUAL(layer.kind, "dense");
  CHECK_EQUAL(layer.name, "scores");
  CHECK(layer.inputs == std::vector<std::string>{"a"});
  CHECK(!layer.trainable);
  CHECK(!std::get<bool>(layer.settings.at("bias")));
}

void names_connect_layers() {
  const Model model({Conv2d(4, 1).name("stem"), ReLU(), Conv2d(4, 1),
                     Add().inputs({"conv2d_1", "stem"}), Multiply().inputs({"add_1", "relu_1"})},
                    {4, 4, 3});
  CHECK_EQUAL(
      written(model),
      "stem(input) relu_1(stem) conv2d_1(relu_1) add_1(conv2d_1,stem) multiply_1(add_1,relu_1)");
}

void a_residual_block_is_written_out() {
  const Model plain({Conv2d(4, 1), Residual({ReLU(), Conv2d(4, 1)}), Flatten()}, {4, 4, 3});
  CHECK_EQUAL(written(plain),
              "conv2d_1(input) residual_1.relu_1(conv2d_1) residual_1.conv2d_1(residual_1.relu_1) "
              "residual_1.add_1(residual_1.conv2d_1,conv2d_1) flatten_1(residual_1.add_1)");
  const Model with_shortcut({Residual({Conv2d(4, 3)}, {Conv2d(4, 3)}).name("block")}, {4, 4, 3});
  CHECK_EQUAL(written(with_shortcut),
              "block.conv2d_1(input) block.conv2d_2(input) "
              "block.add_1(block.conv2d_2,block.conv2d_1)");
}

void parallel_branches_are_written_out() {
  const Model model({Parallel({{Conv2d(4, 1), ReLU()}, {}, {Conv2d(2, 1)}}),
                     Parallel({{ReLU()}, {ReLU(), Tanh()}}, cnnx::Merge::add).name("sum")},
                    {4, 4, 3});
  CHECK_EQUAL(
      written(model),
      "parallel_1.conv2d_1(input) parallel_1.relu_1(parallel_1.conv2d_1) "
      "parallel_1.conv2d_2(input) "
      "parallel_1.concat_1(parallel_1.relu_1,input,parallel_1.conv2d_2) "
      "sum.relu_1(parallel_1.concat_1) sum.relu_2(parallel_1.concat_1) sum.tanh_1(sum.relu_2) "
      "sum.add_1(sum.relu_1,sum.tanh_1)");
}

void blocks_hold_blocks_and_have_readers() {
  const Model model({Residual({Residual({ReLU()}).trainable(false), Conv2d(3, 1)}).name("outer"),
                     Tanh(), Add().inputs({"outer", "tanh_1"}),
                     Residual({Tanh()}).inputs({"outer"}), Add().inputs({"add_1", "residual_1"})},
                    {4, 4, 3});
  CHECK_EQUAL(
      written(model),
      "outer.residual_1.relu_1(input) outer.residual_1.add_1(outer.residual_1.relu_1,input) "
      "outer.conv2d_1(outer.residual_1.add_1) outer.add_1(outer.conv2d_1,input) "
      "tanh_1(outer.add_1) add_1(outer.add_1,tanh_1) residual_1.tanh_1(outer.add_1) "
      "residual_1.add_1(residual_1.tanh_1,outer.add_1) add_2(add_1,residual_1.add_1)");
  const std::vector<Layer> layers = model.layers();
  CHECK(!layers[0].trainable && !layers[1].trainable);
  CHECK(layers[2].trainable && layers[3].trainable);
}

void a_block_may_hold_a_block_alone() {
  CHECK_EQUAL(written(Model({Residual({Residual({ReLU()})})}, {4, 4, 3})),
              "residual_1.residual_1.relu_1(input) "
              "residual_1.residual_1.add_1(residual_1.residual_1.relu_1,input) "
              "residual_1.add_1(residual_1.residual_1.add_1,input)");
  CHECK_EQUAL(written(Model({Parallel({{Parallel({{Tanh()}, {}})}, {}})}, {4, 4, 3})),
              "parallel_1.parallel_1.tanh_1(input) "
              "parallel_1.parallel_1.concat_1(parallel_1.parallel_1.tanh_1,input) "
              "parallel_1.concat_1(parallel_1.parallel_1.concat_1,input)");
}

Model one_layer(const Layer& layer) { return Model({layer}, {8, 8, 4}); }

void wrong_settings_are_refused_when_a_model_is_built() {
  CHECK_THROWS(
      std::invalid_argument,
      "layer conv2d_1: conv2d: stride is (0, 0), expected two integers >= 1 (height, width)",
      one_layer(Conv2d(8, 3).stride(0)));
  CHECK_THROWS(std::invalid_argument,
               "layer edges: conv2d: out_channels is -8, expected an integer",
               one_layer(Conv2d(-8, 3).name("edges")));
  CHECK_THROWS(std::invalid_argument, "conv2d: padding is (-1, -1, -1, -1), expected four integers",
               one_layer(Conv2d(8, 3).padding(-1)));
  CHECK_THROWS(std::invalid_argument,
               "zero_pad2d: padding is \"same\", expected four integers >= 0",
               one_layer(ZeroPad2d(Padding::same)));
  CHECK_THROWS(std::invalid_argument, "leaky_relu: negative_slope is inf, expected a finite number",
               one_layer(LeakyReLU(1e300)));
  CHECK_THROWS(std::invalid_argument, "dropout: rate is",
               one_layer(Dropout(std::numeric_limits<double>::quiet_NaN())));
}

void wrong_blocks_are_refused() {
  CHECK_THROWS(std::invalid_argument,
               "layer residual_1: residual: body is empty, expected at least one layer",
               one_layer(Residual({})));
  CHECK_THROWS(std::invalid_argument,
               "layer parallel_1: parallel: branches has 1 of them, expected at least 2",
               one_layer(Parallel({{ReLU()}})));
  CHECK_THROWS(std::invalid_argument, "layer block.relu_1: it names its inputs, expected none",
               one_layer(Residual({ReLU().inputs({"input"})}).name("block")));
  CHECK_THROWS(std::invalid_argument, "layer residual_1: residual: has 2 inputs, expected one",
               one_layer(Residual({ReLU()}).inputs({"input", "input"})));
  CHECK_THROWS(std::invalid_argument, "model: two layers are named \"a\"",
               Model({ReLU().name("a"), Residual({ReLU()}).name("a")}, {8, 8, 4}));
  CHECK_THROWS(std::invalid_argument, "model: two layers are named \"a.relu_1\"",
               Model({ReLU().name("a.relu_1"), Residual({ReLU()}).name("a")}, {8, 8, 4}));
  CHECK_THROWS(std::invalid_argument, "model: layer name \"b c\" must be 1 to 100 letters",
               one_layer(Residual({ReLU().name("b c")}).name("a")));
  const std::string sixty(60, 'a');
  CHECK_THROWS(std::invalid_argument, "a.aaa",  // each name alone is long enough
               one_layer(Residual({ReLU().name(sixty)}).name(sixty)));
  CHECK_THROWS(std::invalid_argument, "layer relu_1: its input \"b\" is no layer before it",
               Model({ReLU().inputs({"b"}), ReLU().name("b")}, {8, 8, 4}));
  CHECK_THROWS(std::invalid_argument, "parallel: merge is missing or wrong",
               one_layer(Layer{"parallel", {}, "", {}, true, {{ReLU()}, {ReLU()}}}));
  CHECK_THROWS(std::invalid_argument, "residual: has 3 branches, expected a body and a shortcut",
               one_layer(Layer{"residual", {}, "", {}, true, {{ReLU()}, {}, {}}}));
  CHECK_THROWS(std::invalid_argument, "relu: has branches, expected those of a residual",
               one_layer(Layer{"relu", {}, "", {}, true, {{ReLU()}}}));
}

}  // namespace

int layers_test(int, char*[]) {
  settings_have_one_number_or_two();
  what_is_said_of_every_layer();
  names_connect_layers();
  a_residual_block_is_written_out();
  parallel_branches_are_written_out();
  blocks_hold_blocks_and_have_readers();
  a_block_may_hold_a_block_alone();
  wrong_settings_are_refused_when_a_model_is_built();
  wrong_blocks_are_refused();
  return cnnx::test::finish("layers_test");
}
