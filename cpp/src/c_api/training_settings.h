// Optimizers, losses, schedules and other training settings as text.
#pragma once

#include "c_api/call.h"
#include "cnnx/trainer.h"

namespace cnnx::c_api {

// As documented for cnnx_trainer_create in cnnx/c_api.h; a null pointer means the default.
OptimizerSettings optimizer_of(const Call& call, const char* text);
Loss loss_of(const Call& call, const char* text);
TrainerOptions trainer_options_of(const Call& call, const char* text);

// As documented for cnnx_trainer_begin_epoch in cnnx/c_api.h.
EpochOptions epoch_options_of(const Call& call, const char* text);

}  // namespace cnnx::c_api
