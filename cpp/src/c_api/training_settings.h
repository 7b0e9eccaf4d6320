// Optimizers, losses, schedules and the rest of a training as text.
#pragma once

#include "c_api/call.h"
#include "cnnx/trainer.h"

namespace cnnx::c_api {

// As cnnx/c_api.h says of cnnx_trainer_create; a null pointer stands for the default.
OptimizerSettings optimizer_of(const Call& call, const char* text);
Loss loss_of(const Call& call, const char* text);
TrainerOptions trainer_options_of(const Call& call, const char* text);

// As cnnx/c_api.h says of cnnx_trainer_begin_epoch.
EpochOptions epoch_options_of(const Call& call, const char* text);

}  // namespace cnnx::c_api
