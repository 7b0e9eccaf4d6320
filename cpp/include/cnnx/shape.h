// Shapes, pairs and paddings: the small value types in the interfaces of the ops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/export.h"

namespace cnnx {

#if defined(_GLIBCXX_DEBUG)
// Other containers: a program that has them does not link with a cnnx that does not.
CNNX_API extern const char built_with_GLIBCXX_DEBUG;
namespace {
[[gnu::used]] const char* const has_containers_of_GLIBCXX_DEBUG = &built_with_GLIBCXX_DEBUG;
}
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
// The same with other strings.
CNNX_API extern const char built_with_CXX11_ABI_0;
namespace {
[[gnu::used]] const char* const has_strings_of_CXX11_ABI_0 = &built_with_CXX11_ABI_0;
}
#endif

// Sizes of an array, outermost first: (batch, height, width, channels) or (batch, features).
using Shape = std::vector<int64_t>;

// (height, width); one number sets both.
struct Pair {
  int64_t height = 1;
  int64_t width = 1;

  constexpr Pair() = default;
  constexpr Pair(int64_t both) : height(both), width(both) {}
  constexpr Pair(int64_t height_, int64_t width_) : height(height_), width(width_) {}
};

// Padding of an image per side, or a rule that gives it once the input is known.
struct Padding {
  enum class Rule {
    explicit_sides,
    valid,  // no padding
    same,   // output = ceil(input / stride); an odd total puts the smaller half first
  };
  Rule rule = Rule::explicit_sides;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  static const Padding valid, same;

  constexpr Padding() = default;
  constexpr Padding(Rule rule_, int64_t top_ = 0, int64_t bottom_ = 0, int64_t left_ = 0,
                    int64_t right_ = 0)
      : rule(rule_), top(top_), bottom(bottom_), left(left_), right(right_) {}
  constexpr Padding(int64_t every_side) : Padding(every_side, every_side) {}
  constexpr Padding(int64_t top_and_bottom, int64_t left_and_right)
      : Padding(top_and_bottom, top_and_bottom, left_and_right, left_and_right) {}
  constexpr Padding(int64_t top_, int64_t bottom_, int64_t left_, int64_t right_)
      : Padding(Rule::explicit_sides, top_, bottom_, left_, right_) {}
};

inline constexpr Padding Padding::valid{Rule::valid};
inline constexpr Padding Padding::same{Rule::same};

// "(2, 28, 28, 1)"; one number gives "(7,)", as Python prints it.
CNNX_API std::string to_string(const Shape& shape);

// Product of all sizes; throws std::invalid_argument if a size is negative or the product
// overflows.
CNNX_API int64_t element_count(const Shape& shape);

}  // namespace cnnx
