// The arrays that are matrices: all axes except the last are the rows, the layer's inputs; the last
// axis is the columns, its outputs.
#include "training/muon_directions.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "cnnx/shape.h"
#include "training/name_pattern.h"
#include "training/orthogonal_matrix.h"

namespace cnnx::training {

MuonDirections::MuonDirections(const Muon& muon, const std::vector<ParameterInfo>& parameters)
    : iterations_(muon.iterations) {
  int64_t floats = 0, scratch = 0;
  for (const ParameterInfo& parameter : parameters) {
    const int64_t count = element_count(parameter.shape);
    floats = std::max(floats, parameter.offset + count);
    if (parameter.shape.size() < 2 || !matches(muon.matrices, parameter.name)) continue;
    const int64_t columns = parameter.shape.back(), rows = count / columns;
    matrices_.push_back({parameter.offset, rows, columns});
    scratch = std::max(scratch, orthogonalise_scratch_floats(rows, columns));
  }
  if (matrices_.empty()) {
    throw std::invalid_argument("muon: matrices is \"" + muon.matrices +
                                "\", which no parameter of two or more axes matches");
  }
  directions_ = runtime::AlignedBuffer(floats);
  scratch_ = runtime::AlignedBuffer(scratch);
}

void MuonDirections::orthogonalise(const std::vector<ParameterSegment>& segments) {
  for (const Matrix& matrix : matrices_) {
    const auto segment =
        std::find_if(segments.begin(), segments.end(),
                     [&](const ParameterSegment& each) { return matrix.offset < each.end(); });
    if (!segment->is_trained()) continue;
    float* const direction = data() + matrix.offset;
    training::orthogonalise(direction, matrix.rows, matrix.columns, iterations_, scratch_.data());
    if (matrix.columns <= matrix.rows) continue;
    const float scale =
        std::sqrt(static_cast<float>(matrix.columns) / static_cast<float>(matrix.rows));
    for (int64_t i = 0; i < matrix.rows * matrix.columns; ++i) direction[i] *= scale;
  }
}

}  // namespace cnnx::training
