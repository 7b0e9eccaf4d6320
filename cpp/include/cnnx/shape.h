// Shapes, pairs and paddings: the small value types that every op's contract is written in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/export.h"

namespace cnnx {

// Sizes of an array, outermost first: (batch, height, width, channels) or (batch, features).
using Shape = std::vector<int64_t>;

// Always (height, width).
struct Pair {
  int64_t height = 1;
  int64_t width = 1;
};

// What a window sees around the picture, per side, or a rule that says so once the input is known.
struct Padding {
  enum class Rule {
    explicit_sides,
    valid,  // no padding
    same,   // output = ceil(input / stride); an odd total puts the smaller half first
  };
  Rule rule = Rule::explicit_sides;
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

// "(2, 28, 28, 1)"; one number gives "(7,)", as Python prints it.
CNNX_API std::string to_string(const Shape& shape);

// Product of all sizes; throws std::invalid_argument if a size is negative or the product
// overflows.
CNNX_API int64_t element_count(const Shape& shape);

}  // namespace cnnx
