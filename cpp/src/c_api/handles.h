// The definitions of the opaque handles of the C interface.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "cnnx/c_api.h"
#include "cnnx/checkpoint.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"

namespace cnnx::c_api {

// Texts that functions made and returned, which live as long as their handle. Threads that share
// it may ask for them at once.
class Texts {
 public:
  const char* keep(std::string text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return texts_.insert(std::move(text)).first->c_str();
  }

 private:
  std::set<std::string> texts_;
  std::mutex mutex_;
};

}  // namespace cnnx::c_api

struct cnnx_model {
  cnnx::Model model;
  mutable cnnx::c_api::Texts texts = {};
};

struct cnnx_trainer {
  std::shared_ptr<cnnx::Trainer> trainer;
  mutable cnnx::c_api::Texts texts = {};
};

struct cnnx_epoch {
  std::shared_ptr<cnnx::Trainer> trainer;  // an epoch needs it, even after its handle is destroyed
  cnnx::Epoch epoch;
};

struct cnnx_checkpoint {
  cnnx::Checkpoint checkpoint;
};
