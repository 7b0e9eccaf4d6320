// The division of products of windows with panels of weights among threads.
#pragma once

#include <cstdint>

#include "ops/shares.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// Products of bytes or of bfloat16 in the time of one of floats.
constexpr int64_t kProductsAtOnce = 8;
// Windows of a part that use its weights while they are in a cache.
constexpr int64_t kLeastWindows = 256;

// A product of images with weights: parts of the images, panels of the weights, and its work in
// the time of multiply-adds of floats.
struct ProductShares {
  int64_t parts, panels, multiply_adds;
  // Elements of the weights, and of the images that are read and written.
  int64_t weight_elements, image_elements;

  // Whether threads share the panels of weights, and each computes all outputs of its own: there
  // are too few parts of the images, or the weights are what takes time to read.
  bool of_panels(int threads) const {
    if (threads == 1) return false;
    return parts < threads || (weight_elements > image_elements && panels % threads == 0);
  }

  // Calls body(first part, last part, first panel, last panel, slot) for each thread's share.
  template <class Body>
  void for_each(int threads, const Body& body) const {
    const bool shares_panels = of_panels(threads);
    const int64_t count = shares_panels ? panels : parts;
    if (count == 0) return;
    const int64_t work = multiply_adds / count + 1;
    runtime::parallel_for(threads, count, kGrainMultiplyAdds / work + 1,
                          [&](int64_t begin, int64_t end, int slot) {
                            if (shares_panels) {
                              body(0, parts, begin, end, slot);
                            } else {
                              body(begin, end, 0, panels, slot);
                            }
                          });
  }
};

}  // namespace cnnx::ops
