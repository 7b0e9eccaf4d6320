// A quantized model built by cnnx/layers.h: its outputs are those of integers, its weights stay
// whole numbers, and a trainer refuses it. All scales are powers of two, so that the expected
// outputs are exact in float64.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "temporary_folder.h"

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::ParameterInfo;

constexpr int64_t kPixels = 20, kChannels = 3, kFilters = 5, kOutputs = 4, kImages = 3;
constexpr double kInputScale = 0.5, kInnerScale = 0.25, kWeightScale = 0.125;
constexpr int64_t kInputZero = 10;

Model network() {
  Model model({Quantize(kInputScale, kInputZero), Conv2d(kFilters, 1).int8_weight(true), ReLU(),
               Quantize(kInnerScale), Flatten(), Dense(kOutputs).int8_weight(true).bias(false)},
              {4, kPixels / 4, kChannels});
  for (const ParameterInfo& scale : model.buffers()) {
    const std::vector<float> scales(static_cast<std::size_t>(cnnx::element_count(scale.shape)),
                                    static_cast<float>(kWeightScale));
    model.set_buffer(scale, scales.data());
  }
  return model;
}

// Whole numbers from -128 to 127 in a fixed order.
int64_t whole(int64_t index) { return index * 89 % 256 - 128; }

const ParameterInfo& named(const std::vector<ParameterInfo>& arrays, const std::string& name) {
  return *std::find_if(arrays.begin(), arrays.end(),
                       [&](const ParameterInfo& each) { return each.name == name; });
}

std::vector<float> values_of(const Model& model, const std::string& name) {
  const ParameterInfo& info = named(model.parameters(), name);
  std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(info.shape)));
  model.get_parameter(info, values.data());
  return values;
}

void set_whole_numbers(Model& model) {
  for (const ParameterInfo& array : model.parameters()) {
    std::vector<float> values(static_cast<std::size_t>(cnnx::element_count(array.shape)));
    const double unit = array.name == "conv2d_1.bias" ? kInputScale * kWeightScale : kWeightScale;
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(unit * static_cast<double>(whole(static_cast<int64_t>(i))));
    model.set_parameter(array, values.data());
  }
}

std::vector<float> images() {
  std::vector<float> values;
  for (int64_t i = 0; i < kImages * kPixels * kChannels; ++i)
    values.push_back(static_cast<float>(i * 37 % 200) / 7.0f - 9.0f);
  return values;
}

double byte_of(double value, double scale, double zero) {
  return std::min(255.0, std::max(0.0, std::nearbyint(value / scale) + zero));
}

// Of an image, by sums of integers.
std::vector<double> expected_outputs(const float* image) {
  std::vector<double> sums(kOutputs);
  for (int64_t pixel = 0; pixel < kPixels; ++pixel) {
    for (int64_t filter = 0; filter < kFilters; ++filter) {
      double sum = static_cast<double>(whole(filter));
      for (int64_t channel = 0; channel < kChannels; ++channel) {
        const double value = static_cast<double>(image[pixel * kChannels + channel]);
        sum += (byte_of(value, kInputScale, kInputZero) - kInputZero) *
               static_cast<double>(whole(channel * kFilters + filter));
      }
      const double byte = byte_of(sum * kInputScale * kWeightScale, kInnerScale, 0);
      for (int64_t output = 0; output < kOutputs; ++output) {
        const int64_t row = pixel * kFilters + filter;
        sums[static_cast<std::size_t>(output)] +=
            byte * static_cast<double>(whole(row * kOutputs + output));
      }
    }
  }
  for (double& sum : sums) sum *= kInnerScale * kWeightScale;
  return sums;
}

std::vector<float> outputs_of(const Model& model) {
  const std::vector<float> pixels = images();
  return model.run({pixels.data(), kImages});
}

void outputs_are_those_of_integers() {
  Model model = network();
  set_whole_numbers(model);
  const std::vector<float> pixels = images(), outputs = outputs_of(model);
  for (int64_t image = 0; image < kImages; ++image) {
    const std::vector<double> expected =
        expected_outputs(pixels.data() + image * kPixels * kChannels);
    for (int64_t output = 0; output < kOutputs; ++output) {
      const float found = outputs[static_cast<std::size_t>(image * kOutputs + output)];
      CHECK_EQUAL(static_cast<double>(found), expected[static_cast<std::size_t>(output)]);
    }
  }
}

void a_file_comes_back_with_the_same_outputs() {
  const cnnx::test::TemporaryFolder folder("quantized_model");
  Model model = network();
  set_whole_numbers(model);
  const std::string path = (folder / "model.cnnx").string();
  model.save(path);
  CHECK(outputs_of(Model::load(path)) == outputs_of(model));
}

void weights_beside_the_whole_numbers_are_refused() {
  Model model = network();
  set_whole_numbers(model);
  const std::vector<float> before = values_of(model, "conv2d_1.weight");
  for (const double wrong : {0.5, 128.0, -129.0}) {
    std::vector<float> weights = before;
    weights[3] = static_cast<float>(wrong * kWeightScale);
    CHECK_THROWS(std::invalid_argument,
                 "expected whole numbers from -128 to 127 times conv2d_1.weight_scale, here "
                 "0.125000: set the scale first",
                 model.set_parameter(named(model.parameters(), "conv2d_1.weight"), weights.data()));
  }
  CHECK(values_of(model, "conv2d_1.weight") == before);
}

void another_scale_keeps_the_whole_numbers() {
  Model model = network();
  set_whole_numbers(model);
  std::vector<float> weights = values_of(model, "conv2d_1.weight");
  std::vector<float> scales(kFilters, 0.5f);
  const ParameterInfo scale = named(model.buffers(), "conv2d_1.weight_scale");
  model.set_buffer(scale, scales.data());
  for (float& weight : weights) weight *= 4;
  CHECK(values_of(model, "conv2d_1.weight") == weights);
  for (const float wrong : {0.0f, -1.0f, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    scales[2] = wrong;
    CHECK_THROWS(std::invalid_argument, "expected finite numbers above 0",
                 model.set_buffer(scale, scales.data()));
  }
  CHECK(values_of(model, "conv2d_1.weight") == weights);
}

void a_trainer_refuses_it() {
  Model model = network();
  CHECK_THROWS(std::invalid_argument,
               "trainer: conv2d_1.weight is int8, expected a model with float32 weights: train "
               "that one and quantize it again",
               cnnx::Trainer(model));
}

}  // namespace

int quantized_model_test(int, char*[]) {
  outputs_are_those_of_integers();
  a_file_comes_back_with_the_same_outputs();
  weights_beside_the_whole_numbers_are_refused();
  another_scale_keeps_the_whole_numbers();
  a_trainer_refuses_it();
  return cnnx::test::finish("quantized_model_test");
}
