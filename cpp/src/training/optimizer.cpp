// Checks an optimizer's settings and computes one step's coefficients, in double, rounded to float
// at the end.
#include "training/optimizer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "kernels/optimizers.h"
#include "runtime/check_settings.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace training {
namespace {

// A square root and a division each.
constexpr int64_t kAdamGrain = 8 * 1024;
// Nesterov's step of SGD and Muon looks ahead along the velocity.
template <class WithMomentum>
void check_nesterov(const WithMomentum& optimizer) {
  if (!optimizer.nesterov || optimizer.momentum != 0) return;
  runtime::refuse_setting(std::string(WithMomentum::kKind) + ": ", "momentum",
                          runtime::in_words(optimizer.momentum), "a number > 0 with nesterov");
}

// The learning rate of one segment in one step.
double rate_of(const ParameterSegment& segment, const OptimizerState& state,
               const StepScales& scales) {
  return state.learning_rate * scales.learning_rate * segment.learning_rate_factor;
}

void update(const Sgd& sgd, const OptimizerState& state, const UpdatedBlock& block,
            const StepScales& scales, int threads) {
  float* const velocity = sgd.momentum > 0 ? block.slots[0] : nullptr;
  const auto kernel = CNNX_KERNELS(optimizer_kernels).sgd;
  for_each_trained(
      block.segments, block.range, runtime::kGrainElements, threads,
      [&](const ParameterSegment& segment, int64_t begin, int64_t end) {
        const SgdCoefficients coefficients = {
            static_cast<float>(scales.gradients),
            static_cast<float>(rate_of(segment, state, scales)), static_cast<float>(sgd.momentum),
            static_cast<float>(sgd.weight_decay * segment.weight_decay_factor), sgd.nesterov};
        kernel(coefficients, block.parameters + begin,
               block.gradients + (begin - block.range.first), velocity ? velocity + begin : nullptr,
               end - begin);
      });
}

void update(const RmsProp& rmsprop, const OptimizerState& state, const UpdatedBlock& block,
            const StepScales& scales, int threads) {
  float* const square = block.slots[0];
  float* const velocity = rmsprop.momentum > 0 ? block.slots[1] : nullptr;
  const auto kernel = CNNX_KERNELS(optimizer_kernels).rmsprop;
  for_each_trained(block.segments, block.range, kAdamGrain, threads,
                   [&](const ParameterSegment& segment, int64_t begin, int64_t end) {
                     const RmsPropCoefficients coefficients = {
                         static_cast<float>(scales.gradients),
                         static_cast<float>(rate_of(segment, state, scales)),
                         static_cast<float>(rmsprop.momentum),
                         static_cast<float>(rmsprop.weight_decay * segment.weight_decay_factor),
                         static_cast<float>(rmsprop.alpha),
                         static_cast<float>(1 - rmsprop.alpha),
                         static_cast<float>(rmsprop.epsilon),
                     };
                     kernel(coefficients, block.parameters + begin,
                            block.gradients + (begin - block.range.first), square + begin,
                            velocity ? velocity + begin : nullptr, end - begin);
                   });
}

template <class AnyAdam>
void update_adam(const AnyAdam& adam, double weight_decay, const OptimizerState& state,
                 const UpdatedBlock& block, const StepScales& scales, int threads) {
  const auto kernel = CNNX_KERNELS(optimizer_kernels).adam;
  for_each_trained(
      block.segments, block.range, kAdamGrain, threads,
      [&](const ParameterSegment& segment, int64_t begin, int64_t end) {
        const double rate = rate_of(segment, state, scales);
        const AdamCoefficients coefficients = {
            static_cast<float>(scales.gradients),
            static_cast<float>(1 - rate * (weight_decay * segment.weight_decay_factor)),
            static_cast<float>(adam.beta1),
            static_cast<float>(1 - adam.beta1),
            static_cast<float>(adam.beta2),
            static_cast<float>(1 - adam.beta2),
            static_cast<float>(rate / (1 - state.beta1_product)),
            static_cast<float>(1 / std::sqrt(1 - state.beta2_product)),
            static_cast<float>(adam.epsilon),
        };
        kernel(coefficients, block.parameters + begin,
               block.gradients + (begin - block.range.first), block.slots[0] + begin,
               block.slots[1] + begin, end - begin);
      });
}

void update(const Adam& adam, const OptimizerState& state, const UpdatedBlock& block,
            const StepScales& scales, int threads) {
  update_adam(adam, 0, state, block, scales, threads);
}

void update(const AdamW& adamw, const OptimizerState& state, const UpdatedBlock& block,
            const StepScales& scales, int threads) {
  update_adam(adamw, adamw.weight_decay, state, block, scales, threads);
}

void update_muon(const Muon& muon, MuonDirections& directions, const OptimizerState& state,
                 const UpdatedBlock& block, const StepScales& scales, int threads) {
  float* const direction = directions.data();
  float* const velocity = muon.momentum > 0 ? block.slots[0] : nullptr;
  const auto sgd = CNNX_KERNELS(optimizer_kernels).sgd;
  // SGD's step from zero, negated and of length 1, is its direction. Products of matrices may run
  // out of memory, so velocities change after them and a copy changes before.
  constexpr int64_t kCopied = 1024;
  const SgdCoefficients from_zero = {static_cast<float>(scales.gradients), -1.0f,
                                     static_cast<float>(muon.momentum), 0.0f, muon.nesterov};
  const auto move = [&](int64_t first, int64_t count, float* from, float* velocities) {
    std::fill_n(from, count, 0.0f);
    sgd(from_zero, from, block.gradients + (first - block.range.first), velocities, count);
  };
  for_each_trained(block.segments, block.range, runtime::kGrainElements, threads,
                   [&](const ParameterSegment&, int64_t begin, int64_t end) {
                     if (!velocity) return move(begin, end - begin, direction + begin, nullptr);
                     float copied[kCopied];
                     for (int64_t i = begin; i < end; i += kCopied) {
                       const int64_t count = std::min(kCopied, end - i);
                       std::copy_n(velocity + i, count, copied);
                       move(i, count, direction + i, copied);
                     }
                   });
  directions.orthogonalise(block.segments);
  for_each_trained(
      block.segments, block.range, runtime::kGrainElements, threads,
      [&](const ParameterSegment& segment, int64_t begin, int64_t end) {
        sgd({1.0f, static_cast<float>(rate_of(segment, state, scales)), 0.0f,
             static_cast<float>(muon.weight_decay * segment.weight_decay_factor), false},
            block.parameters + begin, direction + begin, nullptr, end - begin);
        float unused[kCopied];
        for (int64_t i = begin; velocity && i < end; i += kCopied)
          move(i, std::min(kCopied, end - i), unused, velocity + i);
      });
}

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings,
                     const std::vector<ParameterInfo>& parameters)
    : settings_(settings) {
  check_optimizer(settings);
  if (const Muon* muon = std::get_if<Muon>(&settings_)) muon_.emplace(*muon, parameters);
  std::visit([this](const auto& each) { state_.learning_rate = each.learning_rate; }, settings);
}

int Optimizer::slot_count() const {
  if (const Sgd* sgd = std::get_if<Sgd>(&settings_)) return sgd->momentum > 0 ? 1 : 0;
  if (const Muon* muon = std::get_if<Muon>(&settings_)) return muon->momentum > 0 ? 1 : 0;
  if (const RmsProp* rmsprop = std::get_if<RmsProp>(&settings_))
    return rmsprop->momentum > 0 ? 2 : 1;
  return 2;
}

void Optimizer::begin_step() {
  ++state_.step;
  const auto multiply = [this](const auto& adam) {
    state_.beta1_product *= adam.beta1;
    state_.beta2_product *= adam.beta2;
  };
  if (const Adam* adam = std::get_if<Adam>(&settings_)) multiply(*adam);
  if (const AdamW* adamw = std::get_if<AdamW>(&settings_)) multiply(*adamw);
}

void Optimizer::update(const UpdatedBlock& block, const StepScales& scales, int threads) {
  const auto update = [&](const auto& settings) {
    if constexpr (std::is_same_v<decltype(settings), const Muon&>) {
      update_muon(settings, *muon_, state_, block, scales, threads);
    } else {
      training::update(settings, state_, block, scales, threads);
    }
  };
  std::visit(update, settings_);
}

}  // namespace training

void check_optimizer(const OptimizerSettings& settings) {
  std::visit(
      [](const auto& each) { runtime::check_settings(std::string(each.kKind) + ": ", each); },
      settings);
  if (const Sgd* sgd = std::get_if<Sgd>(&settings)) training::check_nesterov(*sgd);
  if (const Muon* muon = std::get_if<Muon>(&settings)) training::check_nesterov(*muon);
}

}  // namespace cnnx
