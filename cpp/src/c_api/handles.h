// The definitions of the opaque handles of the C interface.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cnnx/c_api.h"
#include "cnnx/checkpoint.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"

struct cnnx_model {
  cnnx::Model model;
  // The indices of classes as text, for a model without class names. Threads that share the model
  // may ask for them at once.
  mutable std::map<int64_t, std::string> class_indices = {};
  mutable std::mutex mutex = {};
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
