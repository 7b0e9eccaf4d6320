// Schedules of the learning rate: what it is multiplied by, as a function of where a fit is.
//
// t is how many epochs of the fit are done, t = step / steps_per_epoch, and u the share of it, u =
// t / epochs. All are 1 at their highest. Cosines are cnnx's own, so all machines agree. Errors:
// std::invalid_argument.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "cnnx/export.h"

namespace cnnx {

struct ConstantRate {};

// factor^n after n drops: one every `every` epochs (0: none), and one at each of `at`.
struct StepDecay {
  double factor = 0.1;
  double every = 0;        // epochs
  std::vector<double> at;  // epochs
};

// final + (1 - final) * (1 + cos(pi * u)) / 2 (Loshchilov and Hutter 2017).
struct CosineDecay {
  double final = 0;
};

// From `start` at u = 0 to 1 at u = peak_at and to `final` at u = 1, by half cosines (Smith and
// Topin 2018; PyTorch's anneal_strategy "cos").
struct OneCycle {
  double peak_at = 0.3;
  double start = 0.04, final = 4e-6;
};

// The same in straight lines: linear warm-up, linear decay.
struct Triangular {
  double peak_at = 0.2;
  double start = 0, final = 0;
};

// Multiplied by `factor` when the measure that is observed after every epoch has not improved for
// more than `patience` epochs, until `minimum` is reached. A measure improves by more than
// `threshold` of the best one. PyTorch's ReduceLROnPlateau.
struct Plateau {
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  double minimum = 0;
  bool higher_is_better = false;
};

struct Schedule {
  std::variant<ConstantRate, StepDecay, CosineDecay, OneCycle, Triangular, Plateau> shape;
  // In the first `warmup_epochs` also multiplied by a ramp from warmup_start to 1: its step i of n
  // has warmup_start + (1 - warmup_start) * (i + 1) / n (Goyal et al. 2017).
  double warmup_epochs = 0;
  double warmup_start = 0;
};

// Where a fit is: all that a schedule knows, plain numbers that may be stored.
struct ScheduleState {
  int64_t step = 0, steps_per_epoch = 0, epochs = 0;
  // Of a Plateau: how many epochs were measured, the best measure, how many were not better since,
  // and the product of its reductions.
  int64_t measured = 0;
  double best = 0;
  int64_t waited = 0;
  double reduction = 1;
};

// Throws std::invalid_argument, naming the setting, what came and what was expected.
CNNX_API void check_schedule(const Schedule& schedule);

// What the learning rate of step `state.step` is multiplied by; after the fit's end, that of the
// end.
CNNX_API double schedule_factor(const Schedule& schedule, const ScheduleState& state);

// Tells a Plateau what the watched measure was after an epoch; NaN is no improvement. Other shapes
// watch nothing.
CNNX_API void observe(const Schedule& schedule, double measure, ScheduleState& state);

}  // namespace cnnx
