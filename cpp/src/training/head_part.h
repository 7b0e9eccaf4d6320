// The part of a head in the outputs and targets of a batch, copied to arrays of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/loss.h"
#include "runtime/memory.h"

namespace cnnx::training {

class HeadPart {
 public:
  // A range of `width` floats per image.
  struct Range {
    int64_t offset = 0, size = 0, width = 0;
  };
  // Holds the targets of a head: their values, and those of labels as labels.
  struct TargetStorage {
    runtime::AlignedBuffer values;
    std::vector<int64_t> labels;
  };

  HeadPart() = default;
  HeadPart(std::string name, Range outputs, Range targets, bool takes_labels)
      : name_(std::move(name)), outputs_(outputs), targets_(targets), takes_labels_(takes_labels) {}

  const std::string& name() const { return name_; }
  int64_t target_width() const { return targets_.width; }
  // After all parts are known.
  void set_widths(int64_t outputs, int64_t targets) {
    outputs_.width = outputs;
    targets_.width = targets;
  }
  // Valid as long as `storage` is unchanged. Throws std::invalid_argument for a label that is no
  // whole number; without targets there are none.
  Targets targets(const Targets& all, int64_t images, TargetStorage& storage) const;
  // Likewise.
  const float* outputs(const float* all, int64_t images, runtime::AlignedBuffer& storage) const;
  // Writes the head's gradient to its place in that of all outputs.
  void put_gradient(const float* own, int64_t images, int threads, float* all) const;

 private:
  std::string name_;
  Range outputs_, targets_;
  bool takes_labels_ = false;
};

}  // namespace cnnx::training
