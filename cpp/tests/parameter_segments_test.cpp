// Rules matched with names, and updates of the resulting segments.
#include "training/parameter_segments.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "training/gradient_clipping.h"
#include "training/optimizer.h"

namespace {

using cnnx::ParameterInfo;
using cnnx::ParameterRule;
using cnnx::training::GradientClipping;
using cnnx::training::Optimizer;
using cnnx::training::parameter_segments;
using cnnx::training::ParameterRange;
using cnnx::training::ParameterSegment;
using Error = std::invalid_argument;

const std::vector<ParameterInfo> kParameters = {
    {"conv2d_1.weight", {3, 3, 1, 2}, 0},
    {"conv2d_1.bias", {2}, 18},
    {"conv2d_10.weight", {1, 1, 2, 2}, 20},
    {"dense_1.weight", {4, 3}, 24},
    {"dense_1.bias", {3}, 36},
};

const std::vector<bool> kAllTrained(kParameters.size(), true);

// The learning rate factor of every parameter array.
std::vector<double> factors(const char* pattern) {
  const auto segments = parameter_segments(kParameters, kAllTrained, {{pattern, 0.5, 1}});
  std::vector<double> found;
  for (const ParameterInfo& parameter : kParameters) {
    for (const ParameterSegment& segment : segments) {
      if (segment.offset <= parameter.offset && parameter.offset < segment.end())
        found.push_back(segment.learning_rate_factor);
    }
  }
  return found;
}

void patterns() {
  CHECK(factors("*.bias") == (std::vector<double>{1, 0.5, 1, 1, 0.5}));
  CHECK(factors("conv2d_1.*") == (std::vector<double>{0.5, 0.5, 1, 1, 1}));
  CHECK(factors("conv2d_1*") == (std::vector<double>{0.5, 0.5, 0.5, 1, 1}));
  CHECK(factors("conv2d_??.weight") == (std::vector<double>{1, 1, 0.5, 1, 1}));
  CHECK(factors("*n*1.*t") == (std::vector<double>{0.5, 1, 1, 0.5, 1}));
  CHECK(factors("dense_1.bias") == (std::vector<double>{1, 1, 1, 1, 0.5}));
  CHECK(factors("***") == (std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.5}));
}

void segments() {
  const auto whole = parameter_segments(kParameters, kAllTrained, {});
  CHECK_EQUAL(whole.size(), std::size_t{1});
  CHECK_EQUAL(whole[0].count, 39);
  const auto several =
      parameter_segments(kParameters, kAllTrained, {{"*.bias", 2, 0}, {"conv2d_1.*", 0.25, 0.5}});
  CHECK_EQUAL(several.size(), std::size_t{4});
  CHECK_EQUAL(several[1].offset, 18);
  CHECK_EQUAL(several[1].count, 2);
  CHECK_EQUAL(several[1].learning_rate_factor, 0.5);
  CHECK_EQUAL(several[1].weight_decay_factor, 0.0);
  CHECK_EQUAL(several[2].count, 16);
  const auto frozen = parameter_segments(kParameters, {true, true, false, false, true}, {});
  CHECK_EQUAL(frozen.size(), std::size_t{3});
  CHECK(frozen[0].is_trained() && !frozen[1].is_trained() && frozen[2].is_trained());
  CHECK_EQUAL(frozen[1].offset, 20);
  CHECK_EQUAL(frozen[1].count, 16);
}

// Frozen parameters and their slots do not change and do not count in the norm. Ranges that end
// within segments cover the block.
void untrained_segments() {
  const std::vector<ParameterSegment> cut = {{0, 5}, {5, 6, 0, 1}, {11, 5}};
  std::vector<float> parameters(16, 1.0f), gradients(16, 3.0f), mean(16), square(16);
  float* slots[] = {mean.data(), square.data()};
  Optimizer adam(cnnx::AdamW{0.1, 0.9, 0.99, 1e-8, 0.1});
  adam.begin_step();
  for (const ParameterRange& range : {ParameterRange{0, 7}, ParameterRange{7, 9}}) {
    const float* const own = gradients.data() + range.first;
    adam.update({parameters.data(), own, slots, cut, range}, {}, 1);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    const bool trained = i < 5 || i >= 11;
    CHECK((parameters[i] != 1.0f) == trained);
    CHECK((mean[i] != 0.0f) == trained);
    CHECK((square[i] != 0.0f) == trained);
  }
  for (std::size_t i = 5; i < 11; ++i) gradients[i] = 1e30f;
  const double scale = GradientClipping(1).scale(gradients.data(), cut, 1);
  CHECK(std::abs(scale - 1 / std::sqrt(90.0)) < 1e-6);
}

void refusals() {
  CHECK_THROWS(Error,
               "trainer: the rule \"*.biass\" matches no parameter, expected names such as "
               "\"conv2d_1.weight\"",
               parameter_segments(kParameters, kAllTrained, {{"*.biass", 1, 1}}));
  CHECK_THROWS(Error, "trainer: weight_decay_factor of the rule \"*\" is -1, expected",
               parameter_segments(kParameters, kAllTrained, {{"*", 1, -1}}));
}

}  // namespace

int parameter_segments_test(int, char*[]) {
  patterns();
  segments();
  untrained_segments();
  refusals();
  return cnnx::test::finish("parameter_segments_test");
}
