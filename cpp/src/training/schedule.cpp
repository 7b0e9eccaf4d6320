// The schedules' formulas, in double except for the cosine.
#include "cnnx/schedules.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/check_settings.h"
#include "runtime/elementary.h"
#include "runtime/floating_point.h"

namespace cnnx {
namespace {

double straight(double from, double to, double fraction) { return from + (to - from) * fraction; }

// Half a cosine from one value to the other.
double curved(double from, double to, double fraction) {
  const double angle = 3.14159265358979323846 * fraction;
  const double cosine = static_cast<double>(runtime::cos(static_cast<float>(angle)));
  return from + (to - from) * (1 - cosine) / 2;
}

template <class Peaked>
double peaked(const Peaked& schedule, double fraction, double (*between)(double, double, double)) {
  if (fraction < schedule.peak_at) return between(schedule.start, 1, fraction / schedule.peak_at);
  if (schedule.peak_at == 1) return 1;
  return between(1, schedule.final, (fraction - schedule.peak_at) / (1 - schedule.peak_at));
}

double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result *= base;
    base *= base;
  }
  return result;
}

// `epochs` is the number of epochs done, `fraction` the fraction of the fit.
double factor(const ConstantRate&, double, double, const ScheduleState&) { return 1; }

double factor(const StepDecay& decay, double epochs, double, const ScheduleState&) {
  constexpr double kMostDrops = 1e9;  // for an `every` that is far too small
  const double regular = decay.every > 0 ? std::floor(epochs / decay.every) : 0;
  int64_t drops = static_cast<int64_t>(std::min(regular, kMostDrops));
  for (const double at : decay.at) drops += at <= epochs;
  return power(decay.factor, drops);
}

double factor(const CosineDecay& decay, double, double fraction, const ScheduleState&) {
  return curved(1, decay.final, fraction);
}

double factor(const OneCycle& cycle, double, double fraction, const ScheduleState&) {
  return peaked(cycle, fraction, curved);
}

double factor(const Triangular& triangle, double, double fraction, const ScheduleState&) {
  return peaked(triangle, fraction, straight);
}

double factor(const Plateau&, double, double, const ScheduleState& state) {
  return state.reduction;
}

}  // namespace

void check_schedule(const Schedule& schedule) {
  std::visit(
      [](const auto& shape) { runtime::check_settings(std::string(shape.kKind) + ": ", shape); },
      schedule.shape);
  runtime::check_settings("warmup: ", schedule);
}

double schedule_factor(const Schedule& schedule, const ScheduleState& state) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const double steps_per_epoch = static_cast<double>(state.steps_per_epoch);
  const double length = static_cast<double>(state.epochs);
  const double epochs = std::min(static_cast<double>(state.step) / steps_per_epoch, length);
  const double shaped =
      std::visit([&](const auto& shape) { return factor(shape, epochs, epochs / length, state); },
                 schedule.shape);
  const double warmup_steps = schedule.warmup_epochs * steps_per_epoch;
  const double ramp = (static_cast<double>(state.step) + 1) / warmup_steps;
  return ramp < 1 ? straight(schedule.warmup_start, 1, ramp) * shaped : shaped;
}

void observe(const Schedule& schedule, double measure, ScheduleState& state) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const Plateau* const plateau = std::get_if<Plateau>(&schedule.shape);
  if (!plateau) return;
  // Any number is better than an infinite first one.
  const double margin = std::isfinite(state.best) ? plateau->threshold * std::abs(state.best) : 0;
  const bool better =
      plateau->higher_is_better ? measure > state.best + margin : measure < state.best - margin;
  if (better || (state.measured == 0 && !std::isnan(measure))) {
    state.best = measure;
    state.waited = 0;
    ++state.measured;
  } else if (++state.waited > plateau->patience) {
    state.reduction = std::max(state.reduction * plateau->factor, plateau->minimum);
    state.waited = 0;
  }
}

}  // namespace cnnx
