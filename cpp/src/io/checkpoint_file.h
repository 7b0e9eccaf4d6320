// The content of a checkpoint, read and checked, for a trainer to copy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/checkpoint.h"
#include "graph/model_state.h"
#include "io/safetensors.h"
#include "runtime/memory.h"
#include "training/trainer_state.h"

namespace cnnx::io {

// The state of a trainer, besides its arrays.
struct Position {
  training::OptimizerState optimizer;
  ScheduleState schedule;
  double last_learning_rate = 0;
  uint64_t gradients_computed = 0;
  int64_t shards = 1;
};

class CheckpointReader {
 public:
  // Throws FormatError as Checkpoint::load does.
  explicit CheckpointReader(SafetensorsFile file);

  const std::shared_ptr<graph::ModelState>& model() const { return model_; }
  const CheckpointMetadata& metadata() const { return metadata_; }

  // The caller holds the trainer's lock and, exclusively, the model's. Throws FormatError, without
  // any change, unless the trainer's settings are the checkpoint's.
  void restore(training::TrainerState& trainer) const;

 private:
  // Throws FormatError.
  [[noreturn]] void refuse(const std::string& has, const std::string& expected) const;
  void read_position(const SafetensorsFile& file);
  void read_settings(const SafetensorsFile& file);
  void check_settings(const std::vector<training::SettingText>& own) const;
  void check_arrays(const SafetensorsFile& file) const;
  void read_metadata(const SafetensorsFile& file);

  std::string name_;  // of the file
  std::shared_ptr<graph::ModelState> model_;
  CheckpointMetadata metadata_;
  Position position_;
  std::map<std::string, std::string> settings_;  // of the trainer; empty in older files
  bool averages_ = false;
  std::vector<runtime::AlignedBuffer> slots_;
  runtime::AlignedBuffer average_parameters_, average_buffers_;
};

}  // namespace cnnx::io
