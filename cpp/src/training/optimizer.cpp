// Checks an optimizer's settings and turns them into one step's coefficients: double until the
// last, then float.
#include "training/optimizer.h"

#include <cfloat>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "kernels/optimizers.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace training {
namespace {

// Memory-bound: below this a second thread costs more than it brings.
constexpr int64_t kGrain = 32 * 1024;
// A square root and a division each.
constexpr int64_t kAdamGrain = 8 * 1024;

[[noreturn]] void refuse(const char* kind, const char* setting, double value,
                         const char* expected) {
  char number[32];
  std::snprintf(number, sizeof number, "%g", value);
  throw std::invalid_argument(std::string(kind) + ": " + setting + " is " + number + ", expected " +
                              expected);
}

// Written so that NaN is refused; larger numbers would not fit the kernels' float32.
void check_not_negative(const char* kind, const char* setting, double value) {
  if (!(value >= 0 && value <= FLT_MAX)) refuse(kind, setting, value, "a finite number >= 0");
}

void check_below_one(const char* kind, const char* setting, double value) {
  if (!(value >= 0 && value < 1)) refuse(kind, setting, value, "a number >= 0 and < 1");
}

template <class AnyAdam>
void check_adam(const char* kind, const AnyAdam& adam) {
  check_not_negative(kind, "learning_rate", adam.learning_rate);
  check_below_one(kind, "beta1", adam.beta1);
  check_below_one(kind, "beta2", adam.beta2);
  check_not_negative(kind, "epsilon", adam.epsilon);
}

void check(const Sgd& sgd) {
  check_not_negative("sgd", "learning_rate", sgd.learning_rate);
  check_below_one("sgd", "momentum", sgd.momentum);
  check_not_negative("sgd", "weight_decay", sgd.weight_decay);
  if (sgd.nesterov && sgd.momentum == 0) {
    refuse("sgd", "momentum", sgd.momentum, "a number > 0 with nesterov");
  }
}

void check(const Adam& adam) { check_adam("adam", adam); }

void check(const AdamW& adamw) {
  check_adam("adamw", adamw);
  check_not_negative("adamw", "weight_decay", adamw.weight_decay);
}

void update(const Sgd& sgd, OptimizerState&, float* parameters, const float* gradients,
            float* const* slots, int64_t count, int threads) {
  const SgdCoefficients coefficients = {static_cast<float>(sgd.learning_rate),
                                        static_cast<float>(sgd.momentum),
                                        static_cast<float>(sgd.weight_decay), sgd.nesterov};
  float* velocity = sgd.momentum > 0 ? slots[0] : nullptr;
  const auto kernel = CNNX_KERNELS(optimizer_kernels).sgd;
  runtime::parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end, int) {
    kernel(coefficients, parameters + begin, gradients + begin,
           velocity ? velocity + begin : nullptr, end - begin);
  });
}

template <class AnyAdam>
void update_adam(const AnyAdam& adam, double decay, OptimizerState& state, float* parameters,
                 const float* gradients, float* const* slots, int64_t count, int threads) {
  state.beta1_product *= adam.beta1;
  state.beta2_product *= adam.beta2;
  const AdamCoefficients coefficients = {
      static_cast<float>(decay),
      static_cast<float>(adam.beta1),
      static_cast<float>(1 - adam.beta1),
      static_cast<float>(adam.beta2),
      static_cast<float>(1 - adam.beta2),
      static_cast<float>(adam.learning_rate / (1 - state.beta1_product)),
      static_cast<float>(1 / std::sqrt(1 - state.beta2_product)),
      static_cast<float>(adam.epsilon),
  };
  const auto kernel = CNNX_KERNELS(optimizer_kernels).adam;
  runtime::parallel_for(threads, count, kAdamGrain, [&](int64_t begin, int64_t end, int) {
    kernel(coefficients, parameters + begin, gradients + begin, slots[0] + begin, slots[1] + begin,
           end - begin);
  });
}

void update(const Adam& adam, OptimizerState& state, float* parameters, const float* gradients,
            float* const* slots, int64_t count, int threads) {
  update_adam(adam, 1.0, state, parameters, gradients, slots, count, threads);
}

void update(const AdamW& adamw, OptimizerState& state, float* parameters, const float* gradients,
            float* const* slots, int64_t count, int threads) {
  update_adam(adamw, 1 - adamw.learning_rate * adamw.weight_decay, state, parameters, gradients,
              slots, count, threads);
}

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings) : settings_(settings) {
  check_optimizer(settings);
}

int Optimizer::slot_count() const {
  if (const Sgd* sgd = std::get_if<Sgd>(&settings_)) return sgd->momentum > 0 ? 1 : 0;
  return 2;
}

void Optimizer::update(float* parameters, const float* gradients, float* const* slots,
                       int64_t count, int threads) {
  ++state_.step;
  std::visit(
      [&](const auto& settings) {
        training::update(settings, state_, parameters, gradients, slots, count, threads);
      },
      settings_);
}

}  // namespace training

void check_optimizer(const OptimizerSettings& settings) {
  std::visit([](const auto& each) { training::check(each); }, settings);
}

}  // namespace cnnx
