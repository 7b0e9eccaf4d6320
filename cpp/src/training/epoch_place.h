// The settings of an epoch in its place in a checkpoint, and their check when it is resumed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/trainer.h"

namespace cnnx::training {

// The numbers that decide the batches of an epoch: of its rows, its batch size, and the options.
std::vector<double> epoch_settings(int64_t rows, int64_t batch_size, const EpochOptions& options);
// Those of an epoch that has begun.
const std::vector<double>& settings_of_epoch(const EpochState& epoch);

// Throws std::invalid_argument, which begins with `caller`, if the position is one after the first
// step of an epoch with other settings.
void check_place(int64_t rows, int64_t batch_size, const EpochOptions& options,
                 const std::string& caller);

}  // namespace cnnx::training
