// Values that an enum does not have, such as those of a program's own cast, are refused.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/augmentation.h"
#include "cnnx/image.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/preprocessing.h"
#include "cnnx/trainer.h"
#include "cnnx/training_settings.h"

namespace {

using namespace cnnx::layers;
using cnnx::Augmentation;
using cnnx::Loss;
using cnnx::Model;
using cnnx::Resize;
using cnnx::Trainer;

constexpr int64_t kSize = 4;

Model small_model() { return Model({Flatten(), Dense(3)}, {kSize, kSize, 1}); }

void losses() {
  Model model = small_model();
  Loss loss;
  for (const int kind : {99, -1, 11}) {
    loss.kind = static_cast<Loss::Kind>(kind);
    CHECK_THROWS(std::invalid_argument,
                 "trainer: the loss's kind is " + std::to_string(kind) +
                     ", expected cross_entropy, binary_cross_entropy, ",
                 Trainer(model, cnnx::Adam{}, loss));
    Loss sum;
    sum.kind = Loss::Kind::sum;
    sum.terms = {Loss(), loss};
    CHECK_THROWS(std::invalid_argument, "the loss's kind is", Trainer(model, cnnx::Adam{}, sum));
  }
  loss.kind = Loss::Kind::tversky;
  CHECK_EQUAL(std::string(cnnx::name_of(Loss::kKinds, loss.kind)), "tversky");
  CHECK_EQUAL(std::string(cnnx::name_of(Loss::kKinds, static_cast<Loss::Kind>(99))), "unknown");
}

void models() {
  Model model = small_model();
  const std::vector<std::byte> before = model.to_bytes();
  CHECK_THROWS(std::invalid_argument,
               "set_probability_kind: kind is 99, expected softmax, sigmoid, outputs or none",
               (model.set_probability_kind(static_cast<cnnx::Probabilities>(99)), 0));
  CHECK_THROWS(std::invalid_argument,
               "set_compute_dtype: dtype is 99, expected float32 or bfloat16",
               (model.set_compute_dtype(static_cast<cnnx::ComputeDtype>(99)), 0));
  Model two({Flatten(), Dense(4)}, {kSize, kSize, 1});
  CHECK_THROWS(
      std::invalid_argument,
      "model: probabilities of \"a\" is 99, expected softmax, sigmoid, outputs or none",
      (two.set_heads({{"a", {2}, 0, static_cast<cnnx::Probabilities>(99)}, {"b", {2}}}), 0));
  CHECK(model.to_bytes() == before);
}

void augmentations() {
  Augmentation flip, border;
  flip.flip = static_cast<Augmentation::Flip>(9);
  border.border = static_cast<Augmentation::Border>(9);
  const char* flips = "augmentation: flip is 9, expected never, random or alternating";
  const char* borders = "augmentation: border is 9, expected zero or reflect";
  CHECK_THROWS(std::invalid_argument, flips, (cnnx::validate(flip), 0));
  CHECK_THROWS(std::invalid_argument, borders, (cnnx::validate(border), 0));
  Model model = small_model();
  Trainer trainer(model);
  const std::vector<float> pixels(kSize * kSize * 2, 0.5f);
  const std::vector<int64_t> labels(2, 1);
  cnnx::EpochOptions options;
  options.augmentation = flip;
  CHECK_THROWS(std::invalid_argument, flips,
               trainer.fit({pixels.data(), 2}, {labels.data()}, 1, options));
}

void sizes_of_images() {
  const std::vector<uint8_t> bytes(64, 3);
  const std::vector<float> floats(64, 0.5f);
  std::vector<uint8_t> small(16);
  std::vector<float> small_floats(16);
  const auto wrong = static_cast<Resize>(9);
  const cnnx::ImageView image(bytes.data(), 8, 8, 1), float_image(floats.data(), 8, 8, 1);
  CHECK_THROWS(std::invalid_argument, "resize_image: resize is 9, expected stretch, fit or crop",
               (cnnx::resize_image(image, 4, 4, 1, wrong, small.data()), 0));
  CHECK_THROWS(std::invalid_argument, "resize_image: resize is 9, expected stretch, fit or crop",
               (cnnx::resize_image(float_image, 4, 4, 1, wrong, small_floats.data()), 0));
  CHECK_THROWS(std::invalid_argument, "resize_mask: resize is 9, expected stretch, fit or crop",
               (cnnx::resize_mask(bytes.data(), 8, 8, 4, 4, wrong, small.data()), 0));
  CHECK_THROWS(std::invalid_argument, "restore_mask: resize is 9, expected stretch, fit or crop",
               (cnnx::restore_mask(bytes.data(), 8, 8, 4, 4, wrong, small.data()), 0));
}

}  // namespace

int enum_values_test(int, char*[]) {
  losses();
  models();
  augmentations();
  sizes_of_images();
  return cnnx::test::finish("enum_values_test");
}
