// Code of ops that run on arrays of floats and on arrays of bfloat16, whose elements are uint16_t.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "kernels/add.h"
#include "kernels/bfloat16_arrays.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {

// An array that a graph passes as the memory of floats.
template <class Element>
const Element* elements_of(const float* array) {
  return reinterpret_cast<const Element*>(array);
}
template <class Element>
Element* elements_of(float* array) {
  return reinterpret_cast<Element*>(array);
}

// The first argument for floats, the second for bfloat16: their kernels.
template <class Element, class Floats, class Bfloat16>
const auto& by_element(const Floats& floats, const Bfloat16& bfloat16) {
  if constexpr (std::is_same_v<Element, float>) {
    return floats;
  } else {
    return bfloat16;
  }
}

// An op that runs on both.
class ElementsOp : public Op {
 public:
  std::unique_ptr<const BoundOp> bind(const Shape& input) const final {
    return bind_fused(input, {});
  }
  bool runs_in_bfloat16(const Shape&) const final { return true; }
};

// Binds an op that is a template of its elements.
template <template <class> class Bound, class... Arguments>
std::unique_ptr<const BoundOp> bind_elements(const Fusion& fusion, const Arguments&... arguments) {
  if (fusion.bfloat16) return std::make_unique<Bound<uint16_t>>(arguments...);
  return std::make_unique<Bound<float>>(arguments...);
}

// The kernel of target = a + b, then ReLU if asked, for rows of elements.
template <class Element>
auto sum_kernel() {
  return by_element<Element>(CNNX_KERNELS(add_kernels).add,
                             CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add);
}

// Calls kernel(sources, first, count, target), which computes floats of elements [first, first +
// count), to cover [begin, end). With `reads_target` it reads the target's values before.
template <std::size_t kSources, class Element, class Kernel>
void compute_in_floats(const std::array<const Element*, kSources>& sources, int64_t begin,
                       int64_t end, bool reads_target, Element* target, const Kernel& kernel) {
  std::array<const float*, kSources> floats;
  if constexpr (std::is_same_v<Element, float>) {
    for (std::size_t i = 0; i < kSources; ++i) floats[i] = sources[i] + begin;
    kernel(floats, begin, end - begin, target + begin);
  } else {
    constexpr int64_t kPiece = 1024;
    const Bfloat16ArrayKernels& convert = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels);
    alignas(64) float pieces[kSources + 1][kPiece];
    float* const result = pieces[kSources];
    for (int64_t first = begin; first < end; first += kPiece) {
      const int64_t count = std::min(kPiece, end - first);
      for (std::size_t i = 0; i < kSources; ++i) {
        convert.widen(sources[i] + first, count, pieces[i]);
        floats[i] = pieces[i];
      }
      if (reads_target) convert.widen(target + first, count, result);
      kernel(floats, first, count, result);
      convert.round(result, count, target + first);
    }
  }
}

// Rows of an image's gradient in which a kernel adds up floats. Rows of bfloat16 are rounded once,
// from a thread's part of scratch.
template <class Element>
class GradientRows {
 public:
  explicit GradientRows(int64_t row_elements, float* scratch = nullptr)
      : row_elements_(row_elements), scratch_(scratch) {}

  int64_t scratch_floats(int threads) const {
    return std::is_same_v<Element, float> ? 0 : threads * band_floats();
  }
  // Calls body(first, last, row 0 of the image as floats) for bands of rows that cover [first,
  // last). With `accumulate` the floats are the image's values before.
  template <class Body>
  void for_bands(Element* image, int64_t first, int64_t last, int slot, bool accumulate,
                 const Body& body) const {
    if constexpr (std::is_same_v<Element, float>) {
      body(first, last, image);
    } else {
      const Bfloat16ArrayKernels& convert = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels);
      float* const band = scratch_ + slot * band_floats();
      for (int64_t end; first < last; first = end) {
        end = std::min(last, first + band_rows());
        const int64_t offset = first * row_elements_, count = (end - first) * row_elements_;
        if (accumulate) convert.widen(image + offset, count, band);
        body(first, end, band - offset);
        convert.round(band, count, image + offset);
      }
    }
  }

 private:
  static constexpr int64_t kBandFloats = 64 * 1024;

  int64_t band_rows() const { return std::max<int64_t>(1, kBandFloats / row_elements_); }
  int64_t band_floats() const { return runtime::round_up_to_line(band_rows() * row_elements_); }

  int64_t row_elements_;
  float* scratch_;
};

}  // namespace cnnx::ops
