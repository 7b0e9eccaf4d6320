// The most probable classes of images.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/error.h"
#include "cnnx/model.h"
#include "data/image.h"
#include "graph/model_inputs.h"
#include "runtime/floating_point.h"

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

// Whatever class came first would be the most probable one of those of NaN.
void refuse_nan(const std::vector<float>& probabilities, const ImageBatch& images,
                int64_t elements) {
  const auto is_nan = [](float number) { return std::isnan(number); };
  if (std::none_of(probabilities.begin(), probabilities.end(), is_nan)) return;
  const auto* const pixels = static_cast<const float*>(images.pixels);
  const auto is_finite = [](float number) { return std::isfinite(number); };
  if (images.type == PixelType::float32 &&
      !std::all_of(pixels, pixels + images.count * elements, is_finite)) {
    throw std::invalid_argument("predict: an image holds NaN or infinity, expected finite pixels");
  }
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
  refuse_nan(all, prepared.pixels(), element_count(shape));
  return prediction_of(std::move(all), classes());
}

std::vector<Prediction> Model::predict(const ImageBatch& images) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_class_of_image(*this);
  const std::vector<float> all = probabilities(images);
  refuse_nan(all, images, element_count(input_shape()));
  const auto outputs = static_cast<std::ptrdiff_t>(element_count(output_shape()));
  std::vector<Prediction> predictions;
  for (auto image = all.begin(); image != all.end(); image += outputs)
    predictions.push_back(prediction_of({image, image + outputs}, classes()));
  return predictions;
}

}  // namespace cnnx
