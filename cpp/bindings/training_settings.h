// The settings of training as they cross from Python: a kind and a dictionary of plain values each.
#pragma once

#include <string>

#include "bindings.h"
#include "cnnx/trainer.h"

namespace cnnx::bindings {

OptimizerSettings optimizer_of(const std::string& kind, const py::dict& settings);
Loss loss_of(const std::string& kind, const py::dict& settings);
// None, or (kind, settings).
Schedule schedule_of(const py::object& recipe);
TrainerOptions trainer_options_of(const py::dict& options);

}  // namespace cnnx::bindings
