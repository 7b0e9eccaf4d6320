// The most probable classes of images.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/error.h"
#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "data/image.h"
#include "graph/model_inputs.h"
#include "runtime/floating_point.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace {

// A Prediction is of a whole image.
void check_class_of_image(const Model& model) {
  if (const std::vector<Head> heads = model.heads(); !heads.empty()) {
    throw std::invalid_argument("predict: the model has " + std::to_string(heads.size()) +
                                " outputs, expected probabilities, which gives those of each");
  }
  const Shape& output = model.output_shape();
  if (output.size() == 1) return;
  throw std::invalid_argument("predict: the model's output has shape " + to_string(output) +
                              ", a class for each position, expected probabilities, which gives "
                              "those of every position");
}

// Without an early exit, so that the compiler makes vectors of the loop. Infinity and NaN have an
// exponent of ones, which overflows into the sign when one is added to it.
bool has_infinity_or_nan(const float* values, int64_t count) {
  uint32_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    found |= (bits & 0x7F800000u) + 0x00800000u;
  }
  return (found & 0x80000000u) != 0;
}

// A ReLU, for example, turns an infinite number into a finite one.
void check_pixels(const ImageBatch& images, int64_t elements) {
  constexpr int64_t kGrain = 64 * 1024;  // pixels
  if (images.type != PixelType::float32) return;
  const auto* const pixels = static_cast<const float*>(images.pixels);
  const int64_t count = images.count * elements;
  std::atomic<bool> found = false;
  if (count < kGrain) {  // for which a loop of threads begins too slowly
    found = has_infinity_or_nan(pixels, count);
  } else {
    runtime::parallel_for(get_num_threads(), count, kGrain, [&](int64_t begin, int64_t end, int) {
      if (has_infinity_or_nan(pixels + begin, end - begin)) found = true;
    });
  }
  if (found)
    throw std::invalid_argument("predict: an image holds NaN or infinity, expected finite pixels");
}

// Whatever class came first would be the most probable one of those of NaN.
void refuse_nan(const std::vector<float>& probabilities) {
  const auto is_nan = [](float number) { return std::isnan(number); };
  if (std::none_of(probabilities.begin(), probabilities.end(), is_nan)) return;
  throw NotFiniteError(
      "predict: the model's outputs are NaN for finite images, expected numbers: its training has "
      "diverged, or its weights are damaged");
}

// The most probable class; a single output is the probability of the second of two classes.
Prediction prediction_of(std::vector<float> probabilities,
                         const std::vector<std::string>& classes) {
  Prediction prediction;
  std::vector<float>& all = prediction.probabilities;
  all = std::move(probabilities);
  if (all.size() == 1) all = {1.0f - all[0], all[0]};
  const auto largest = std::max_element(all.begin(), all.end());
  prediction.index = largest - all.begin();
  prediction.probability = *largest;
  prediction.label = classes.empty() ? std::to_string(prediction.index)
                                     : classes[static_cast<std::size_t>(prediction.index)];
  return prediction;
}

}  // namespace

Prediction Model::predict(const ImageView& image) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_class_of_image(*this);
  graph::refuse_several_inputs(inputs(), "predict");
  const Shape& shape = input_shape();
  const data::PreparedImage prepared(image, shape[0], shape[1], shape[2], preprocessing().resize);
  std::vector<float> all = probabilities(prepared.pixels());
  check_pixels(prepared.pixels(), element_count(shape));
  refuse_nan(all);
  return prediction_of(std::move(all), classes());
}

std::vector<Prediction> Model::predict(const ImageBatch& images) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_class_of_image(*this);
  const std::vector<float> all = probabilities(images);
  check_pixels(images, element_count(input_shape()));
  refuse_nan(all);
  const auto outputs = static_cast<std::ptrdiff_t>(element_count(output_shape()));
  std::vector<Prediction> predictions;
  for (auto image = all.begin(); image != all.end(); image += outputs)
    predictions.push_back(prediction_of({image, image + outputs}, classes()));
  return predictions;
}

}  // namespace cnnx
