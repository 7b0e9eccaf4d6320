// Averages the blocks of parameters and buffers, step by step.
#include "training/weight_average.h"

#include <algorithm>
#include <mutex>

#include "kernels/optimizers.h"
#include "runtime/check_settings.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::training {
namespace {

// The decay after n averages is at most n / (n + kSlowness), so that the initial weights do not
// dominate the average until 1 / (1 - decay) steps have passed; the first average is a copy.
// TensorFlow's ExponentialMovingAverage does the same.
constexpr double kSlowness = 9;

void average(float decay, const runtime::AlignedBuffer& values, runtime::AlignedBuffer& averages,
             int threads) {
  const auto kernel = CNNX_KERNELS(optimizer_kernels).average;
  runtime::parallel_for(
      threads, values.size(), runtime::kGrainElements, [&](int64_t begin, int64_t end, int) {
        kernel(decay, values.data() + begin, averages.data() + begin, end - begin);
      });
}

}  // namespace

WeightAverage::WeightAverage(const Averaging& settings, const graph::ModelState& model)
    : settings_(settings) {
  runtime::check_settings("trainer: the averaging's ", settings);
  model_ = model.copy();
}

void WeightAverage::update(const graph::ModelState& model, int64_t step, int threads) {
  if (step % settings_.every != 0) return;
  const int64_t averages = step / settings_.every;
  const double averaged = static_cast<double>(averages - 1);
  const float decay =
      static_cast<float>(std::min(settings_.decay, averaged / (averaged + kSlowness)));
  const std::unique_lock<graph::ModelMutex> lock(model_->mutex);
  average(decay, model.parameters, model_->parameters, threads);
  average(decay, model.buffers, model_->buffers, threads);
  model_->parameters_changed();
}

}  // namespace cnnx::training
