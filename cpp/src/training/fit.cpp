// Whole epochs, one after the other, for most training programs.
#include <stdexcept>
#include <string>

#include "cnnx/trainer.h"

namespace cnnx {

std::vector<Metrics> Trainer::fit(
    const ImageBatch& images, const Targets& targets, int64_t epochs, const EpochOptions& options,
    const std::function<bool(int64_t epochs_done, const Metrics& metrics)>& on_epoch) {
  if (epochs < 1) {
    throw std::invalid_argument("fit: epochs is " + std::to_string(epochs) +
                                ", expected at least 1");
  }
  if (options.position.step != 0) {
    throw std::invalid_argument("fit: position is after step " +
                                std::to_string(options.position.step) +
                                ", expected the beginning of an epoch: go on with begin_epoch");
  }
  std::vector<Metrics> history;
  EpochOptions which = options;
  for (; static_cast<int64_t>(history.size()) < epochs; ++which.number) {
    Epoch epoch = begin_epoch(images, targets, which, "fit");
    if (history.empty()) begin_schedule(epochs, epoch.steps());
    while (epoch.advance()) {
    }
    check_finite();
    history.push_back(epoch.metrics());
    if (on_epoch && !on_epoch(static_cast<int64_t>(history.size()), history.back())) break;
  }
  return history;
}

}  // namespace cnnx
