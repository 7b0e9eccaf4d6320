// SGD, Adam, AdamW and RMSprop against PyTorch's formulas in double; split arrays, threads, resumed
// steps, reads past the end; the last of these and threads for Muon too.
#include "training/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"

namespace {

using cnnx::Adam;
using cnnx::AdamW;
using cnnx::OptimizerSettings;
using cnnx::RmsProp;
using cnnx::Sgd;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using cnnx::training::Optimizer;
using cnnx::training::OptimizerState;
using cnnx::training::ParameterSegment;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Error = std::invalid_argument;

Floats numbers(int64_t count, int64_t seed) {
  Floats values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] =
        static_cast<float>((i * 7919 + seed * 104729) % 997) / 500.0f - 1.0f;
  }
  return values;
}

// Parameters and slots of one run; step() draws the gradient from the step's number.
struct Run {
  Run(const OptimizerSettings& settings, int64_t count)
      : optimizer(settings), parameters(numbers(count, 0)), slot0(count), slot1(count) {}
  void step(int64_t number, int threads) {
    const GuardedArray gradient(numbers(parameters.size(), number));
    float* slots[] = {slot0.data(), slot1.data()};
    const std::vector<ParameterSegment> whole = {{0, parameters.size()}};
    optimizer.begin_step();
    optimizer.update({parameters.data(), gradient.data(), slots, whole, {0, parameters.size()}}, {},
                     threads);
  }
  Optimizer optimizer;
  GuardedArray parameters, slot0, slot1;
};

const std::vector<OptimizerSettings> kSettings = {
    Sgd{0.1, 0, false, 0},
    Sgd{0.1, 0, false, 0.01},
    Sgd{0.1, 0.9, false, 0},
    Sgd{0.1, 0.9, true, 0.01},
    Adam{},
    Adam{0.01, 0.5, 0.9, 1e-3},
    AdamW{},
    AdamW{0.01, 0.9, 0.99, 1e-8, 0.1},
    RmsProp{},
    RmsProp{0.01, 0.9, 1e-3, 0.9, 0.1},
};

// The formulas of cnnx/optimizers.h, element by element.
void step_in_double(const OptimizerSettings& settings, int64_t number, Doubles& p, Doubles& slot0,
                    Doubles& slot1) {
  const Floats gradient = numbers(static_cast<int64_t>(p.size()), number);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double g = static_cast<double>(gradient[i]);
    if (const Sgd* sgd = std::get_if<Sgd>(&settings)) {
      const double decayed = g + sgd->weight_decay * p[i];
      slot0[i] = sgd->momentum * slot0[i] + decayed;
      p[i] -= sgd->learning_rate * (sgd->nesterov ? decayed + sgd->momentum * slot0[i] : slot0[i]);
      continue;
    }
    if (const RmsProp* rmsprop = std::get_if<RmsProp>(&settings)) {
      const double decayed = g + rmsprop->weight_decay * p[i];
      slot0[i] = rmsprop->alpha * slot0[i] + (1 - rmsprop->alpha) * decayed * decayed;
      const double direction = decayed / (std::sqrt(slot0[i]) + rmsprop->epsilon);
      slot1[i] = rmsprop->momentum * slot1[i] + direction;
      p[i] -= rmsprop->learning_rate * slot1[i];
      continue;
    }
    AdamW adam;
    if (const AdamW* adamw = std::get_if<AdamW>(&settings)) {
      adam = *adamw;
    } else {
      const Adam& plain = std::get<Adam>(settings);
      adam = {plain.learning_rate, plain.beta1, plain.beta2, plain.epsilon, 0.0};
    }
    p[i] *= 1 - adam.learning_rate * adam.weight_decay;
    slot0[i] = adam.beta1 * slot0[i] + (1 - adam.beta1) * g;
    slot1[i] = adam.beta2 * slot1[i] + (1 - adam.beta2) * g * g;
    const double t = static_cast<double>(number);
    const double mean = slot0[i] / (1 - std::pow(adam.beta1, t));
    const double square = slot1[i] / (1 - std::pow(adam.beta2, t));
    p[i] -= adam.learning_rate * mean / (std::sqrt(square) + adam.epsilon);
  }
}

void formulas() {
  for (const OptimizerSettings& settings : kSettings) {
    Run run(settings, 37);
    const Floats start = run.parameters.values();
    Doubles p(start.begin(), start.end()), slot0(37), slot1(37);
    double worst = 0;
    for (int64_t number = 1; number <= 50; ++number) {
      run.step(number, 1);
      step_in_double(settings, number, p, slot0, slot1);
      for (int64_t i = 0; i < 37; ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(run.parameters[i]) -
                                         p[static_cast<std::size_t>(i)]));
      }
    }
    CHECK(worst < 1e-5);
    CHECK_EQUAL(run.optimizer.state().step, 50);
  }
}

void slots() {
  CHECK_EQUAL(Optimizer(Sgd{}).slot_count(), 0);
  CHECK_EQUAL(Optimizer(Sgd{0.1, 0.9, false, 0}).slot_count(), 1);
  CHECK_EQUAL(Optimizer(Adam{}).slot_count(), 2);
  CHECK_EQUAL(Optimizer(AdamW{}).slot_count(), 2);
  CHECK_EQUAL(Optimizer(RmsProp{}).slot_count(), 1);
  CHECK_EQUAL(Optimizer(RmsProp{0.01, 0.9, 1e-8, 0.9, 0}).slot_count(), 2);
}

// A thread's range may begin and end anywhere; every length ends at an unmapped page.
void cuts_do_not_matter() {
  for (const OptimizerSettings& settings : kSettings) {
    Run whole(settings, 70);
    for (int64_t number = 1; number <= 3; ++number) whole.step(number, 1);
    for (int64_t count = 1; count < 70; ++count) {
      Run part(settings, count);
      for (int64_t number = 1; number <= 3; ++number) part.step(number, 1);
      Floats expected = whole.parameters.values();
      expected.resize(static_cast<std::size_t>(count));
      CHECK(same_bits(part.parameters.values(), expected));
    }
  }
}

void threads_do_not_matter() {
  for (const OptimizerSettings& settings : kSettings) {
    Run one(settings, 200003);
    for (int64_t number = 1; number <= 2; ++number) one.step(number, 1);
    for (const int threads : {2, 3, 8}) {
      Run many(settings, 200003);
      for (int64_t number = 1; number <= 2; ++number) many.step(number, threads);
      CHECK(same_bits(many.parameters.values(), one.parameters.values()));
      CHECK(same_bits(many.slot0.values(), one.slot0.values()));
      CHECK(same_bits(many.slot1.values(), one.slot1.values()));
    }
  }
}

// State, slots and parameters are complete: resuming from them gives the bits of an uninterrupted
// run.
void resumed_run_is_the_same_run() {
  for (const OptimizerSettings& settings : kSettings) {
    Run whole(settings, 33), resumed(settings, 33);
    for (int64_t number = 1; number <= 4; ++number) whole.step(number, 1);
    for (int64_t number = 1; number <= 2; ++number) resumed.step(number, 1);
    const OptimizerState state = resumed.optimizer.state();
    resumed.optimizer = Optimizer(settings);
    resumed.optimizer.set_state(state);
    for (int64_t number = 3; number <= 4; ++number) resumed.step(number, 1);
    CHECK(same_bits(resumed.parameters.values(), whole.parameters.values()));
    CHECK_EQUAL(resumed.optimizer.state().step, 4);
  }
}

// One tall and one wide matrix and a bias, at the end of readable memory.
void muon_of_any_threads() {
  const std::vector<cnnx::ParameterInfo> infos = {
      {"a.weight", {3, 3, 5, 33}, 0}, {"a.bias", {33}, 1485}, {"b.weight", {7, 65}, 1518}};
  const int64_t count = 1518 + 7 * 65;
  std::vector<Floats> found;
  for (const int threads : {1, 2, 3, 8}) {
    cnnx::set_num_threads(threads);
    GuardedArray parameters(numbers(count, 0)), velocity(count);
    Optimizer optimizer(cnnx::Muon{}, infos);
    CHECK_EQUAL(optimizer.slot_count(), 1);
    for (int64_t number = 1; number <= 3; ++number) {
      const GuardedArray gradient(numbers(count, number));
      float* slots[] = {velocity.data()};
      const std::vector<ParameterSegment> whole = {{0, count}};
      optimizer.begin_step();
      optimizer.update({parameters.data(), gradient.data(), slots, whole, {0, count}}, {}, threads);
    }
    found.push_back(parameters.values());
    CHECK(same_bits(found.back(), found.front()));
    CHECK(!same_bits(found.back(), numbers(count, 0)));
  }
}

void refusals() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_THROWS(Error, "sgd: learning_rate is -0.1, expected a finite number >= 0",
               Optimizer(Sgd{-0.1, 0, false, 0}));
  CHECK_THROWS(Error, "sgd: learning_rate is nan", Optimizer(Sgd{nan, 0, false, 0}));
  CHECK_THROWS(Error, "sgd: learning_rate is inf", Optimizer(Sgd{infinity, 0, false, 0}));
  CHECK_THROWS(Error, "sgd: momentum is 1, expected a number >= 0 and < 1",
               Optimizer(Sgd{0.1, 1, false, 0}));
  CHECK_THROWS(Error, "sgd: momentum is 0, expected a number > 0 with nesterov",
               Optimizer(Sgd{0.1, 0, true, 0}));
  CHECK_THROWS(Error, "sgd: weight_decay is -1", Optimizer(Sgd{0.1, 0, false, -1}));
  CHECK_THROWS(Error, "adam: beta1 is 1, expected a number >= 0 and < 1",
               Optimizer(Adam{0.1, 1, 0.9, 1e-8}));
  CHECK_THROWS(Error, "adam: beta2 is -0.5", Optimizer(Adam{0.1, 0.9, -0.5, 1e-8}));
  CHECK_THROWS(Error, "adam: epsilon is -1", Optimizer(Adam{0.1, 0.9, 0.9, -1}));
  CHECK_THROWS(Error, "rmsprop: alpha is 1, expected a number >= 0 and < 1",
               Optimizer(RmsProp{0.1, 1, 1e-8, 0, 0}));
  CHECK_THROWS(Error, "adamw: weight_decay is inf",
               Optimizer(AdamW{0.1, 0.9, 0.9, 1e-8, infinity}));
  cnnx::Muon muon;
  CHECK_THROWS(Error, "muon: matrices is \"*.weight\", which no parameter", Optimizer(muon));
  muon.iterations = 0;
  CHECK_THROWS(Error, "muon: iterations is 0, expected an integer from 1 to 20", Optimizer(muon));
}

}  // namespace

int optimizers_test(int, char*[]) {
  formulas();
  slots();
  cuts_do_not_matter();
  threads_do_not_matter();
  resumed_run_is_the_same_run();
  muon_of_any_threads();
  refusals();
  return cnnx::test::finish("optimizers_test");
}
