// The norm over all trained segments, and the resulting factor.
#include "training/gradient_clipping.h"

#include <cmath>

#include "training/sum_of_squares.h"

namespace cnnx::training {

double GradientClipping::scale(const float* gradients,
                               const std::vector<ParameterSegment>& segments, int threads) const {
  if (norm_ == 0) return 1;
  double sum = 0;
  for (const ParameterSegment& segment : segments) {
    if (segment.is_trained())
      sum = add_squares(sum, gradients + segment.offset, segment.count, threads);
  }
  // Written so that NaN passes and stops the training at the check for finite values.
  const double scale = norm_ / (std::sqrt(sum) + 1e-6);
  return scale > 1 ? 1 : scale;
}

}  // namespace cnnx::training
