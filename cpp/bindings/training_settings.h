// The settings of training from Python: a kind and a dictionary of plain values each.
#pragma once

#include <string>

#include "bindings.h"
#include "cnnx/trainer.h"

namespace cnnx::bindings {

// A setting that is missing, or None, stays as it is by default; one of another name is refused.
OptimizerSettings optimizer_of(const std::string& kind, const py::dict& settings);
Loss loss_of(const std::string& kind, const py::dict& settings);
// None, or (kind, settings); the settings are the shape's and the warm-up's.
Schedule schedule_of(const py::object& recipe);
Augmentation augmentation_of(const py::dict& settings);
// Besides the plain settings "rules", "averaging" and "schedule".
TrainerOptions trainer_options_of(const py::dict& options);
EpochOptions epoch_options_of(const py::dict& options);

// {kind: [(setting, default)]} of all of them; a setting that has no default has None.
py::dict training_settings();

}  // namespace cnnx::bindings
