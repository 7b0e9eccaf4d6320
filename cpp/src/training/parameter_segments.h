// The one block of parameters divided into segments of equal update settings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cnnx/model.h"
#include "cnnx/optimizers.h"
#include "runtime/parallel.h"

namespace cnnx::training {

struct ParameterSegment {
  int64_t offset = 0, count = 0;  // floats
  double learning_rate_factor = 1, weight_decay_factor = 1;

  int64_t end() const { return offset + count; }
  // An update skips frozen parameters.
  bool is_trained() const { return learning_rate_factor > 0; }
};

// The segments cover the block in order; neighbours with the same factors are merged. `trained`
// says for each array whether it takes part. Throws std::invalid_argument for a factor below 0 and
// for a pattern that matches no parameter.
std::vector<ParameterSegment> parameter_segments(const std::vector<ParameterInfo>& parameters,
                                                 const std::vector<bool>& trained,
                                                 const std::vector<ParameterRule>& rules);

// Floats of the block.
struct ParameterRange {
  int64_t first = 0, count = 0;
};

// Calls body(segment, begin, end) for pieces that cover every trained segment within a range once,
// in threads as by parallel_for.
template <class Body>
void for_each_trained(const std::vector<ParameterSegment>& segments, const ParameterRange& range,
                      int64_t grain, int threads, const Body& body) {
  runtime::parallel_for(threads, range.count, grain, [&](int64_t begin, int64_t end, int) {
    for (const ParameterSegment& segment : segments) {
      const int64_t first = std::max(range.first + begin, segment.offset);
      const int64_t last = std::min(range.first + end, segment.end());
      if (segment.is_trained() && first < last) body(segment, first, last);
    }
  });
}

}  // namespace cnnx::training
