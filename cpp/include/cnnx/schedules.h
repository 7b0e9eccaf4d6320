// Schedules of the learning rate: its factor as a function of the position in a fit.
//
// t is the number of epochs done, t = step / steps_per_epoch, and u the fraction done, u = t /
// epochs. The highest factor of each schedule is 1. Cosines are cnnx's own, so all machines agree.
// Errors: std::invalid_argument.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/training_settings.h"

namespace cnnx {

struct ConstantRate {
  static constexpr const char* kKind = "constant_rate";
  template <class Self, class Visitor>
  static void for_each_setting(Self&, Visitor&&) {}
};

// factor^n after n drops: one every `every` epochs (0: never), and one at each of `at`.
struct StepDecay {
  double factor = 0.1;
  double every = 0;        // epochs
  std::vector<double> at;  // epochs

  static constexpr const char* kKind = "step_decay";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("factor", self.factor, kNotNegative);
    visit("every", self.every, kNotNegative);
    visit("at", self.at, kNotNegative);
  }
};

// final + (1 - final) * (1 + cos(pi * u)) / 2 (Loshchilov and Hutter 2017).
struct CosineDecay {
  double final = 0;

  static constexpr const char* kKind = "cosine_decay";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("final", self.final, kZeroToOne);
  }
};

// From `start` at u = 0 to 1 at u = peak_at and to `final` at u = 1, by half cosines (Smith and
// Topin 2018; PyTorch's anneal_strategy "cos").
struct OneCycle {
  double peak_at = 0.3;
  double start = 0.04, final = 4e-6;

  static constexpr const char* kKind = "one_cycle";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("peak_at", self.peak_at, kZeroToOne);
    visit("start", self.start, kZeroToOne);
    visit("final", self.final, kZeroToOne);
  }
};

// OneCycle in straight lines: linear warm-up, linear decay.
struct Triangular {
  double peak_at = 0.2;
  double start = 0, final = 0;

  static constexpr const char* kKind = "triangular";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("peak_at", self.peak_at, kZeroToOne);
    visit("start", self.start, kZeroToOne);
    visit("final", self.final, kZeroToOne);
  }
};

// Multiplied by `factor` when the observed measure has not improved for more than `patience`
// epochs, until `minimum` is reached. An improvement is more than `threshold` times the best
// measure. PyTorch's ReduceLROnPlateau.
struct Plateau {
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  double minimum = 0;
  bool higher_is_better = false;

  static constexpr const char* kKind = "plateau";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("factor", self.factor, kBelowOne);
    visit("patience", self.patience, kNotNegative);
    visit("threshold", self.threshold, kNotNegative);
    visit("minimum", self.minimum, kZeroToOne);
    visit("higher_is_better", self.higher_is_better);
  }
};

struct Schedule {
  std::variant<ConstantRate, StepDecay, CosineDecay, OneCycle, Triangular, Plateau> shape;
  // The first `warmup_epochs` are also multiplied by a ramp from warmup_start to 1: its step i of n
  // has the factor warmup_start + (1 - warmup_start) * (i + 1) / n (Goyal et al. 2017).
  double warmup_epochs = 0;
  double warmup_start = 0;

  // The warm-up's; the shape describes itself.
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("warmup_epochs", self.warmup_epochs, kNotNegative.called("epochs"));
    visit("warmup_start", self.warmup_start, kZeroToOne.called("start"));
  }
};

// The state of a schedule: plain numbers that may be saved.
struct ScheduleState {
  int64_t step = 0, steps_per_epoch = 0, epochs = 0;
  // Of a Plateau: the number of measured epochs, the best measure, the number of epochs without
  // improvement since, and the product of its reductions.
  int64_t measured = 0;
  double best = 0;
  int64_t waited = 0;
  double reduction = 1;
};

// Throws std::invalid_argument, naming the setting, its value and the expected value.
CNNX_API void check_schedule(const Schedule& schedule);

// The factor of the learning rate at step `state.step`; after the fit's end, the last factor.
CNNX_API double schedule_factor(const Schedule& schedule, const ScheduleState& state);

// Passes a Plateau its measure after an epoch; NaN is no improvement. Other schedules ignore it.
CNNX_API void observe(const Schedule& schedule, double measure, ScheduleState& state);

}  // namespace cnnx
