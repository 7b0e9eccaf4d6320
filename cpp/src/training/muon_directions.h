// The directions in which Muon moves the parameters: of those it sees as matrices, orthogonalised.
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

  // One float for each parameter, for the caller to write the directions of a step to.
  float* data() { return directions_.data(); }
  // Replaces those of every trained matrix by an orthogonal matrix near it, a wide one multiplied
  // by sqrt(columns / rows): so steps change the outputs of either alike.
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
