// Models with several inputs: which ones they are, what they compute, and what refuses them.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/operator.h"
#include "cnnx/trainer.h"

namespace {

using namespace cnnx::layers;
using cnnx::Layer;
using cnnx::Model;

constexpr int64_t kNumbers = 4 * 3 * 2 + 5;

// The part of the numbers is given first, and its layer lies behind a convolution.
std::vector<Layer> two_inputs() {
  return {InputPart(24, 1, 5).name("numbers"),
          Flatten(),
          Dense(3),
          InputPart(0, {4, 3}, 2).name("image").inputs({"input"}),
          Conv2d(3, 3).padding(1),
          GlobalAvgPool2d(),
          Add().inputs({"dense_1", "global_avg_pool2d_1"})};
}

std::string written(const std::vector<cnnx::InputInfo>& inputs) {
  std::string text;
  for (const cnnx::InputInfo& each : inputs)
    text += each.name + cnnx::to_string(each.shape) + "@" + std::to_string(each.offset) + " ";
  return text;
}

void the_inputs_are_the_parts_in_their_order() {
  const Model model(two_inputs(), {1, 1, kNumbers});
  CHECK_EQUAL(written(model.inputs()), "image(4, 3, 2)@0 numbers(1, 1, 5)@24 ");
  CHECK_EQUAL(written(model.clone().inputs()), written(model.inputs()));
  const std::vector<std::byte> file = model.to_bytes();
  CHECK_EQUAL(written(Model::from_bytes(file.data(), file.size()).inputs()),
              written(model.inputs()));
}

void other_models_have_one_input() {
  CHECK(Model({ReLU()}, {4, 3, 2}).inputs().empty());
  // A single part, a gap, an overlap, a number more, an image of another shape, and another reader.
  CHECK(Model({InputPart(0, {4, 3}, 2)}, {1, 1, 24}).inputs().empty());
  const auto parts = [](int64_t second, const cnnx::Shape& input) {
    return Model({InputPart(0, 2, 1).name("a"), InputPart(second, 2, 1).inputs({"input"}),
                  Add().inputs({"a", "input_part_1"})},
                 input)
        .inputs();
  };
  CHECK_EQUAL(parts(4, {1, 1, 8}).size(), std::size_t{2});
  CHECK(parts(5, {1, 1, 9}).empty());
  CHECK(parts(3, {1, 1, 8}).empty());
  CHECK(parts(4, {1, 1, 9}).empty());
  CHECK(parts(4, {2, 2, 2}).empty());
  CHECK(Model({InputPart(0, 2, 1).name("a"), InputPart(4, 2, 1).name("b").inputs({"input"}),
               Flatten().inputs({"a"}).name("fa"), Flatten().inputs({"b"}).name("fb"),
               Flatten().inputs({"input"}).name("fi"), Concat().inputs({"fa", "fb", "fi"})},
              {1, 1, 8})
            .inputs()
            .empty());
}

void each_image_of_a_batch_holds_all_inputs() {
  const Model model(two_inputs(), {1, 1, kNumbers});
  constexpr int64_t kCount = 5;
  std::vector<float> flat(kCount * kNumbers), images, numbers;
  for (std::size_t i = 0; i < flat.size(); ++i)
    flat[i] = static_cast<float>((i * 37) % 101) / 101.0f;
  for (int64_t i = 0; i < kCount; ++i) {
    const auto begin = flat.begin() + i * kNumbers;
    images.insert(images.end(), begin, begin + 24);
    numbers.insert(numbers.end(), begin + 24, begin + kNumbers);
  }
  // The branches on their own, with the same weights.
  Model of_image({Conv2d(3, 3).padding(1), GlobalAvgPool2d()}, {4, 3, 2});
  Model of_numbers({Flatten(), Dense(3)}, {1, 1, 5});
  for (Model* branch : {&of_image, &of_numbers}) {
    for (const cnnx::ParameterInfo& own : branch->parameters()) {
      std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(own.shape)));
      for (const cnnx::ParameterInfo& each : model.parameters())
        if (each.name == own.name) model.get_parameter(each, values.data());
      branch->set_parameter(own, values.data());
    }
  }
  const std::vector<float> first = of_image.run({images.data(), kCount});
  const std::vector<float> second = of_numbers.run({numbers.data(), kCount});
  const std::vector<float> both = model.run({flat.data(), kCount});
  bool equal = true;
  for (std::size_t i = 0; i < both.size(); ++i) equal = equal && both[i] == second[i] + first[i];
  CHECK(equal);
}

void what_needs_one_image_is_refused() {
  Model model(two_inputs(), {1, 1, kNumbers});
  const std::string sentence = ": the model has several inputs (image, numbers), expected one with";
  CHECK_THROWS(std::invalid_argument, "resized" + sentence, model.resized(8, 8));
  const std::vector<uint8_t> pixels(24);
  CHECK_THROWS(std::invalid_argument, "predict" + sentence,
               model.predict(cnnx::ImageView{pixels.data(), 4, 3, 2}));
  cnnx::Trainer trainer(model, cnnx::Adam{});
  const std::vector<float> flat(2 * kNumbers);
  const std::vector<int64_t> labels(2);
  cnnx::EpochOptions options;
  options.augmentation.flip = cnnx::Augmentation::Flip::random;
  CHECK_THROWS(std::invalid_argument, "augmentation" + sentence,
               trainer.begin_epoch({flat.data(), 2}, {labels.data()}, options));
}

void a_part_beyond_the_input_is_refused() {
  const std::string shape = " and the part has shape ";
  CHECK_THROWS(std::invalid_argument,
               "layer input_part_1: input_part: offset is 1" + shape +
                   "(2, 3, 4), expected a part of the 24 numbers of the input",
               Model({InputPart(1, {2, 3}, 4)}, {1, 1, 24}));
  constexpr int64_t kMost = int64_t{1} << 24;
  CHECK_THROWS(std::invalid_argument, "expected a part of the 24 numbers",
               Model({InputPart(0, {kMost, kMost}, kMost)}, {1, 1, 24}));
  CHECK_THROWS(std::invalid_argument, "offset is -1", Model({InputPart(-1, 2, 1)}, {1, 1, 24}));
}

// Of a part in the middle of two images.
void a_part_is_a_range_of_each_image() {
  const cnnx::Operator op(InputPart(2, {1, 2}, 2), {{2, 1, 3, 3}});
  std::vector<float> x(18), output(8);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  op.forward({{x.data()}, {}, {}, output.data()});
  CHECK(output == std::vector<float>({2, 3, 4, 5, 11, 12, 13, 14}));
}

}  // namespace

int model_inputs_test(int, char*[]) {
  the_inputs_are_the_parts_in_their_order();
  other_models_have_one_input();
  each_image_of_a_batch_holds_all_inputs();
  what_needs_one_image_is_refused();
  a_part_beyond_the_input_is_refused();
  a_part_is_a_range_of_each_image();
  return cnnx::test::finish("model_inputs_test");
}
