// Checkpoints: a training run in one file, from which another process resumes with the same bits.
//
// The file is a model file, which Model::load reads too. It also holds the optimizer's slots, the
// averaged weights, the position in the schedule, the random state, the settings of the trainer,
// and metadata of the calling program: its data, its settings and its position in an epoch.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/model.h"
#include "cnnx/shape.h"

namespace cnnx {

struct MetadataArray {
  std::string name;
  Shape shape;  // () for a single number
  std::variant<std::vector<float>, std::vector<double>> values;
};

// Metadata that the calling program saves with a checkpoint. Real numbers belong in arrays, which
// preserve their bits.
struct CheckpointMetadata {
  std::string text;
  std::vector<MetadataArray> arrays;  // of different names
};

namespace io {
class CheckpointReader;
}

// A checkpoint in memory, completely checked except for the meaning of its metadata.
class CNNX_API Checkpoint {
 public:
  // Throws FormatError for a file that is damaged or holds only a model, std::system_error when it
  // cannot be read.
  static Checkpoint load(const std::string& path);
  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // The trained model. All handles share it: a change through one is visible through all.
  Model model() const;
  const CheckpointMetadata& metadata() const;

 private:
  friend class Trainer;
  explicit Checkpoint(std::unique_ptr<io::CheckpointReader> reader);
  const io::CheckpointReader& reader() const;
  std::unique_ptr<io::CheckpointReader> reader_;
};

}  // namespace cnnx
