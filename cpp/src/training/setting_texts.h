// The settings of a trainer as texts by name, which its checkpoints hold and compare.
#pragma once

#include <string>
#include <vector>

#include "cnnx/trainer.h"

namespace cnnx::training {

struct SettingText {
  std::string name, text;
};

// The settings that decide the bits of training, in a fixed order: a kind before its settings, and
// the length of a list before its items. Without the optimizer's learning rate, which is part of
// its state, without recompute, which changes no bit, and without the shards, which a checkpoint
// holds itself. A number's text is the same for the same bits only. Empty if there are more than a
// file could hold.
std::vector<SettingText> setting_texts(const OptimizerSettings& optimizer, const Loss& loss,
                                       const TrainerOptions& options);

}  // namespace cnnx::training
