// Muon's update directions, orthogonalised for matrices.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "runtime/memory.h"
#include "training/parameter_segments.h"

namespace cnnx::training {

class MuonDirections {
 public:
  // Throws std::invalid_argument if no array of two or more axes matches muon.matrices.
  MuonDirections(const Muon& muon, const std::vector<ParameterInfo>& parameters);

  // One float for each parameter, to which the caller writes the directions of a step.
  float* data() { return directions_.data(); }
  // Replaces the direction of every trained matrix by an orthogonal matrix near it, multiplied by
  // sqrt(columns / rows) if it is wide, so that steps change the outputs of wide and tall matrices
  // equally.
  void orthogonalise(const std::vector<ParameterSegment>& segments);

 private:
  struct Matrix {
    int64_t offset, rows, columns;
  };

  int64_t iterations_;
  std::vector<Matrix> matrices_;
  runtime::AlignedBuffer directions_, scratch_;
};

}  // namespace cnnx::training
