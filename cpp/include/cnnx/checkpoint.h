// Checkpoints: a training in one file, from which another process goes on with the same bits.
//
// The file is a model file, which Model::load opens too, and holds besides the optimizer's slots,
// averaged weights, where the trainer is in its schedule and its random numbers, and what its
// driver metadata: which data, which settings, where in an epoch.
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

// What whoever drives a trainer wants to find again. Real numbers belong into arrays, which keep
// their bits.
struct CheckpointMetadata {
  std::string text;
  std::vector<MetadataArray> arrays;  // of different names
};

namespace io {
class CheckpointReader;
}

// A checkpoint in memory, of which everything but the metadata's meaning has been checked.
class CNNX_API Checkpoint {
 public:
  // Throws FormatError for a file that is damaged or a model alone, std::system_error when it
  // cannot be read.
  static Checkpoint load(const std::string& path);
  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // The one that was trained, each time the same: what one handle changes, all see.
  Model model() const;
  const CheckpointMetadata& metadata() const;

 private:
  friend class Trainer;
  explicit Checkpoint(std::unique_ptr<io::CheckpointReader> reader);
  const io::CheckpointReader& reader() const;
  std::unique_ptr<io::CheckpointReader> reader_;
};

}  // namespace cnnx
