// A model in a C++ program: many threads predict with one model, wrong arguments are refused with
// the documented exceptions, and a moved-from handle throws.
#include "cnnx/model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/runtime.h"
#include "cnnx/softmax.h"
#include "cnnx/trainer.h"
#include "cnnx/xo.h"
#include "graph/model_state.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::ComputeDtype;
using cnnx::ImageBatch;
using cnnx::ImageView;
using cnnx::Model;

constexpr int64_t kSize = 16, kCount = 24;

using Samples = cnnx::test::Samples<kCount>;

Model small_model() {
  return Model({Conv2d(16, 3), BatchNorm2d(), ReLU(), MaxPool2d(2), Flatten(), Dense(2)},
               {kSize, kSize, 1}, {{"X", "O"}, {}, 5});
}

bool same(const cnnx::Prediction& a, const cnnx::Prediction& b) {
  return a.label == b.label && a.index == b.index && a.probability == b.probability &&
         a.probabilities == b.probabilities;
}

void an_image_and_a_batch_get_the_same_predictions() {
  const Model model = small_model();
  const Samples samples;
  const std::vector<cnnx::Prediction> all = model.predict(samples.first(kCount));
  const std::vector<float> probabilities = model.probabilities(samples.first(kCount));
  CHECK_EQUAL(all.size(), std::size_t{kCount});
  CHECK_EQUAL(probabilities.size(), std::size_t{2 * kCount});
  bool equal = true;
  for (int64_t i = 0; i < kCount; ++i) {
    const cnnx::Prediction& one = all[static_cast<std::size_t>(i)];
    equal = equal && same(one, model.predict(samples.image(i)));
    equal = equal && one.probabilities == std::vector<float>(probabilities.begin() + 2 * i,
                                                             probabilities.begin() + 2 * i + 2);
    equal = equal && one.label == (one.index == 0 ? "X" : "O");
    equal = equal && one.probability == one.probabilities[static_cast<std::size_t>(one.index)];
  }
  CHECK(equal);
  CHECK(model.predict(samples.first(0)).empty());
  CHECK(model.run(ImageBatch()).empty());
}

// Maps of 3.2 MB: threads that shared every layer would run five images at once.
void large_images_run_in_whole_rounds_of_threads() {
  const std::vector<cnnx::Layer> layers = {Conv2d(64, 1), ReLU(), GlobalAvgPool2d(), Dense(3)};
  const cnnx::Shape shape = {112, 112, 3};
  const cnnx::graph::ModelState state(cnnx::graph::Graph(layers, shape), {}, {});
  constexpr int64_t kMostFloats = int64_t{16} << 20;
  for (const int threads : {1, 2, 3, 5}) {
    const int64_t images = state.piece(threads);
    CHECK(images > 100);
    CHECK_EQUAL(images % threads, 0);
    const auto plan = state.inference_plan(images, threads);
    CHECK(state.lease(*plan)->arena.size() < kMostFloats);
  }
  CHECK_EQUAL(state.piece(), 5);
  CHECK_EQUAL(state.piece(6), 5);

  constexpr std::size_t kImages = 7, kFloats = 112 * 112 * 3;
  std::vector<float> pixels(kImages * kFloats);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>(i * 31 % 257) / 256.0f;
  const Model model(layers, shape);
  std::vector<float> alone;
  for (std::size_t i = 0; i < kImages; ++i) {
    const std::vector<float> one = model.run(ImageBatch{pixels.data() + i * kFloats, 1});
    alone.insert(alone.end(), one.begin(), one.end());
  }
  for (const int threads : {1, 2, 3, 6}) {
    cnnx::set_num_threads(threads);
    CHECK(model.run(ImageBatch{pixels.data(), kImages}) == alone);
  }
}

void a_class_without_a_name_has_its_index_as_label() {
  const Model model({Flatten(), Dense(3)}, {kSize, kSize, 1});
  const cnnx::Prediction prediction = model.predict(Samples().image(0));
  CHECK_EQUAL(prediction.label, std::to_string(prediction.index));
}

void float_pixels_are_told_by_their_pointer() {
  const Model model = small_model();
  const Samples samples;
  std::vector<float> floats;
  for (const uint8_t pixel : samples.pixels) floats.push_back(static_cast<float>(pixel) / 255.0f);
  const cnnx::Prediction bytes = model.predict(samples.image(3));
  const cnnx::Prediction same_as_floats =
      model.predict(ImageView{floats.data() + 3 * kSize * kSize, kSize, kSize, 1});
  CHECK(same(bytes, same_as_floats));
  const std::vector<float> all = model.run({floats.data(), kCount});
  CHECK(all == model.run(samples.first(kCount)));
}

// Batches of different sizes have their own plans, which all threads request at once. The first
// thread packs the weights, which here takes long enough for the others to arrive.
void threads_share_one_model() {
  const Samples samples;
  const Model original(
      {Conv2d(64, 3), ReLU(), Conv2d(64, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(64), Dense(2)},
      {kSize, kSize, 1}, {{"X", "O"}, {}, 5});
  const std::vector<float> expected = original.run(samples.first(kCount));
  const cnnx::Prediction prediction = original.predict(samples.image(2));
  constexpr int kThreads = 8;
  for (int round = 0; round < 20; ++round) {
    const Model model = original.clone();
    std::vector<char> correct(kThreads, 0);  // not bits, which would share bytes
    std::vector<std::thread> threads;
    std::atomic<int> waiting = 0;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        ++waiting;
        while (waiting < kThreads) std::this_thread::yield();
        bool equal = true;
        for (const int64_t count : {int64_t{1} + t, int64_t{3 * kThreads} - 3 * t}) {
          const std::vector<float> outputs = model.run(samples.first(count));
          equal = equal && std::equal(outputs.begin(), outputs.end(), expected.begin());
          equal = equal && same(model.predict(samples.image(2)), prediction);
        }
        correct[static_cast<std::size_t>(t)] = equal;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(correct == std::vector<char>(kThreads, 1));
  }
}

// A prediction always uses the weights between two steps, never half of an update.
void threads_predict_while_one_trains() {
  const Samples samples;
  const auto outputs_of = [&](const Model& model) { return model.run(samples.first(1)); };
  Model model = small_model();
  std::vector<std::vector<float>> expected = {outputs_of(model)};
  {
    Model copy = model.clone();
    cnnx::Trainer trainer(copy);
    for (int step = 0; step < 20; ++step) {
      trainer.compute_gradients(samples.first(8), {samples.labels.data()});
      expected.push_back(outputs_of(copy));  // the running statistics have changed
      trainer.apply_gradients();
      expected.push_back(outputs_of(copy));
    }
  }
  std::vector<char> correct(3, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < correct.size(); ++t) {
    threads.emplace_back([&, t] {
      std::size_t at = 0;
      // Until the prediction after the last step, in order.
      while (at + 1 < expected.size()) {
        const std::vector<float> outputs = outputs_of(model);
        while (at < expected.size() && expected[at] != outputs) ++at;
      }
      correct[t] = at + 1 == expected.size();
    });
  }
  cnnx::Trainer trainer(model);
  for (int step = 0; step < 20; ++step) trainer.step(samples.first(8), {samples.labels.data()});
  for (std::thread& thread : threads) thread.join();
  CHECK(correct == std::vector<char>(3, 1));
}

void wrong_images_are_refused() {
  const Model model = small_model();
  const Samples samples;
  const uint8_t* const none = nullptr;
  float outputs[2];
  CHECK_THROWS(std::invalid_argument, "run: there are -1 images, expected 0 to",
               model.run(samples.first(-1)));
  CHECK_THROWS(std::invalid_argument, "run: the images' pixels are a null pointer",
               model.run({none, 1}));
  CHECK_THROWS(std::invalid_argument, "run: outputs is a null pointer",
               model.run(samples.first(1), nullptr));
  CHECK_THROWS(std::invalid_argument, "layer_outputs: outputs is a null pointer",
               model.layer_outputs(samples.first(1), nullptr));
  CHECK_THROWS(std::invalid_argument, "layer_outputs: names has \"a\", expected names of layers",
               model.layer_outputs(samples.first(1), {"a"}, nullptr));
  CHECK_THROWS(std::invalid_argument, "gradients: of is \"a\", expected \"input\" or the name",
               model.gradients(samples.first(1), outputs, "a", outputs));
  CHECK_THROWS(std::invalid_argument, "gradients: grad_outputs is a null pointer",
               model.gradients(samples.first(1), nullptr, "input", outputs));
  CHECK_THROWS(std::invalid_argument, "gradients: gradients is a null pointer",
               model.gradients(samples.first(1), outputs, "input", nullptr));
  CHECK_THROWS(std::invalid_argument, "there are -3 images",
               model.probabilities(samples.first(-3), outputs));
  CHECK_THROWS(std::invalid_argument, "there are -3 images", model.predict(samples.first(-3)));
  CHECK_THROWS(std::invalid_argument, "run: there are 9223372036854775807 images",
               model.run(samples.first(std::numeric_limits<int64_t>::max())));
  CHECK_THROWS(std::invalid_argument, "the image's pixels are a null pointer",
               model.predict(ImageView{none, 4, 4, 1}));
  CHECK_THROWS(std::invalid_argument, "the image's height is -4, expected 1 to",
               model.predict(ImageView{samples.pixels.data(), -4, 4, 1}));
  CHECK_THROWS(std::invalid_argument, "the image's width is 0, expected 1 to",
               model.predict(ImageView{samples.pixels.data(), 4, 0, 1}));
  CHECK_THROWS(std::invalid_argument, "the image has 7 channels, expected 1",
               model.predict(ImageView{samples.pixels.data(), 4, 4, 7}));
  CHECK_THROWS(std::invalid_argument, "row_stride is 3, expected 0 or a multiple of 1 from 4",
               model.predict(ImageView{samples.pixels.data(), 4, 4, 1, 3}));
}

void arrays_are_the_models_own() {
  Model model = small_model();
  cnnx::ParameterInfo weight = model.parameters()[0];
  std::vector<float> values(3 * 3 * 16);
  model.get_parameter(weight, values.data());
  values[7] = 4.0f;
  model.set_parameter(weight, values.data());
  std::vector<float> back(values.size());
  model.get_parameter(weight, back.data());
  CHECK(back == values);
  CHECK_THROWS(std::invalid_argument, "set_parameter: values is a null pointer",
               model.set_parameter(weight, nullptr));
  CHECK_THROWS(std::invalid_argument, "get_buffer: the model has no \"conv2d_1.weight\" of shape",
               model.get_buffer(weight, values.data()));
  weight.offset = 1 << 20;
  CHECK_THROWS(std::invalid_argument,
               "get_parameter: the model has no \"conv2d_1.weight\" of shape (3, 3, 1, 16) at "
               "offset 1048576",
               model.get_parameter(weight, values.data()));
}

void a_temperature_divides_the_outputs_of_probabilities_only() {
  Model model = small_model();
  const Samples samples;
  const std::vector<float> outputs = model.run(samples.first(kCount));
  CHECK_EQUAL(model.temperature(), 1.0f);
  model.set_temperature(4);
  CHECK(model.run(samples.first(kCount)) == outputs);
  const std::vector<float> probabilities = model.probabilities(samples.first(kCount));
  std::vector<float> divided = outputs, expected(outputs.size());
  for (float& output : divided) output /= 4;
  cnnx::softmax(divided.data(), kCount, 2, expected.data());
  CHECK(probabilities == expected);
  std::vector<float> in_place = outputs;
  model.outputs_to_probabilities(in_place.data(), kCount);
  CHECK(in_place == expected);
  CHECK_EQUAL(model.clone().temperature(), 4.0f);
  for (const float wrong : {0.0f, -1.0f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    CHECK_THROWS(std::invalid_argument, "expected a finite number above 0",
                 model.set_temperature(wrong));
  }
  Model ends_in_softmax({Flatten(), Dense(2), Softmax()}, {kSize, kSize, 1});
  CHECK_THROWS(std::invalid_argument, "the model's outputs are probabilities already",
               ends_in_softmax.set_temperature(2));
  CHECK_THROWS(std::invalid_argument, "outputs_to_probabilities: outputs is a null pointer",
               model.outputs_to_probabilities(nullptr, 1));
}

void a_model_computes_in_bfloat16() {
  const Samples samples;
  Model model = small_model();
  CHECK(model.compute_dtype() == ComputeDtype::float32);
  const std::vector<float> exact = model.run(samples.first(kCount));
  model.set_compute_dtype(ComputeDtype::bfloat16);
  const std::vector<float> rounded = model.run(samples.first(kCount));
  CHECK(rounded != exact);
  CHECK(model.clone().compute_dtype() == ComputeDtype::bfloat16);
  const std::vector<std::byte> bytes = model.to_bytes();
  const Model loaded = Model::from_bytes(bytes.data(), bytes.size());
  CHECK(loaded.compute_dtype() == ComputeDtype::bfloat16);
  CHECK(loaded.run(samples.first(kCount)) == rounded);
  model.set_compute_dtype(ComputeDtype::float32);
  CHECK(model.run(samples.first(kCount)) == exact);
  Model quantized({Quantize(0.004), Flatten(), Dense(2)}, {kSize, kSize, 1});
  CHECK_THROWS(std::invalid_argument,
               "compute_dtype is bfloat16, but layer quantize_1 is quantized",
               quantized.set_compute_dtype(ComputeDtype::bfloat16));
}

void threads_predict_while_one_sets_the_dtype() {
  const Samples samples;
  Model model = small_model();
  const std::vector<float> exact = model.run(samples.first(kCount));
  model.set_compute_dtype(ComputeDtype::bfloat16);
  const std::vector<float> rounded = model.run(samples.first(kCount));
  std::vector<char> correct(2, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < correct.size(); ++t) {
    threads.emplace_back([&, t] {
      bool either = true;
      for (int i = 0; i < 50; ++i) {
        const std::vector<float> outputs = model.run(samples.first(kCount));
        either = either && (outputs == exact || outputs == rounded);
      }
      correct[t] = either;
    });
  }
  for (int i = 0; i < 50; ++i)
    model.set_compute_dtype(i % 2 ? ComputeDtype::bfloat16 : ComputeDtype::float32);
  for (std::thread& thread : threads) thread.join();
  CHECK(correct == std::vector<char>(2, 1));
}

void a_moved_from_model_says_so() {
  Model from = small_model();
  Model model = std::move(from);
  const Samples samples;
  const std::string sentence = "model: it was moved from, expected one that holds a network";
  CHECK_THROWS(std::invalid_argument, sentence, from.predict(samples.image(0)));
  CHECK_THROWS(std::invalid_argument, sentence, from.run(samples.first(1)));
  CHECK_THROWS(std::invalid_argument, sentence, from.input_shape());
  CHECK_THROWS(std::invalid_argument, sentence, from.classes());
  CHECK_THROWS(std::invalid_argument, sentence, from.parameters());
  CHECK_THROWS(std::invalid_argument, sentence, from.layers());
  CHECK_THROWS(std::invalid_argument, sentence, from.clone());
  CHECK_THROWS(std::invalid_argument, sentence, from.set_compute_dtype(ComputeDtype::bfloat16));
  CHECK_THROWS(std::invalid_argument, sentence, from.save("never-written.cnnx"));
  CHECK_THROWS(std::invalid_argument, sentence, cnnx::Trainer(from));
  from = std::move(model);
  CHECK_EQUAL(from.predict(samples.first(2)).size(), std::size_t{2});
}

void a_resized_model_runs_images_of_another_size() {
  const Model model({Conv2d(4, 3), ReLU(), GlobalAvgPool2d(), Dense(2)}, {kSize, kSize, 1},
                    {{"X", "O"}, {}, 5});
  const Model wide = model.resized(10, 40);
  CHECK(wide.input_shape() == (cnnx::Shape{10, 40, 1}));
  CHECK(wide.classes() == model.classes());
  const Samples samples;
  CHECK(wide.resized(kSize, kSize).run(samples.first(3)) == model.run(samples.first(3)));
  const Model fixed({Flatten(), Dense(2)}, {kSize, kSize, 1});
  CHECK_THROWS(std::invalid_argument, "resized: layer dense_1: its weight has shape",
               fixed.resized(10, 40));
  CHECK_THROWS(std::invalid_argument, "resized: layer conv2d_1: conv2d:", model.resized(2, 40));
  CHECK_THROWS(std::invalid_argument, "resized: model: input_shape is (0, 40, 1)",
               model.resized(0, 40));
}

void predictions_that_are_not_numbers_are_refused() {
  Model model({Flatten(), Dense(2)}, {2, 2, 1});
  std::vector<float> pixels(8, 0.5f);
  const ImageBatch images(pixels.data(), 2);
  pixels[5] = std::nanf("");
  CHECK_EQUAL(model.predict(ImageView{pixels.data(), 2, 2, 1}).probabilities.size(), 2u);
  const std::string sentence = "predict: an image holds NaN or infinity, expected finite pixels";
  CHECK_THROWS(std::invalid_argument, sentence, model.predict(images));
  CHECK_THROWS(std::invalid_argument, sentence,
               model.predict(ImageView{pixels.data() + 4, 2, 2, 1}));
  pixels[5] = 0.5f;
  cnnx::ModelOptions options;
  options.classes = {"a\xff", "b"};
  const std::vector<float> bias = {std::nanf(""), 0.0f};
  model.set_parameter(model.parameters().back(), bias.data());
  CHECK_THROWS(cnnx::NotFiniteError, "predict: the model's outputs are NaN for finite images",
               model.predict(images));
  CHECK_THROWS(std::invalid_argument, "model: a class name is not UTF-8 from byte 1 on",
               Model({Flatten(), Dense(2)}, {2, 2, 1}, options));
}

}  // namespace

int model_test(int, char*[]) {
  an_image_and_a_batch_get_the_same_predictions();
  large_images_run_in_whole_rounds_of_threads();
  a_class_without_a_name_has_its_index_as_label();
  float_pixels_are_told_by_their_pointer();
  for (const int threads : {1, 2}) {
    if (cnnx::test::left_out_of_webassembly("threads that predict", cnnx::test::kOneThread)) break;
    cnnx::set_num_threads(threads);
    threads_share_one_model();
    threads_predict_while_one_trains();
    threads_predict_while_one_sets_the_dtype();
  }
  wrong_images_are_refused();
  predictions_that_are_not_numbers_are_refused();
  arrays_are_the_models_own();
  a_resized_model_runs_images_of_another_size();
  a_temperature_divides_the_outputs_of_probabilities_only();
  a_model_computes_in_bfloat16();
  a_moved_from_model_says_so();
  return cnnx::test::finish("model_test");
}
