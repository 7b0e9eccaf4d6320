// The definitions of the opaque handles of the C interface.
#pragma once

#include <memory>

#include "cnnx/c_api.h"
#include "cnnx/checkpoint.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"

struct cnnx_model {
  cnnx::Model model;
};

struct cnnx_trainer {
  std::shared_ptr<cnnx::Trainer> trainer;
};

struct cnnx_epoch {
  std::shared_ptr<cnnx::Trainer> trainer;  // an epoch needs it, even after its handle is destroyed
  cnnx::Epoch epoch;
};

struct cnnx_checkpoint {
  cnnx::Checkpoint checkpoint;
};
