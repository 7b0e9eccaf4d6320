// Text and products of shapes.
#include "cnnx/shape.h"

#include <stdexcept>

namespace cnnx {

#if defined(_GLIBCXX_DEBUG)
const char built_with_GLIBCXX_DEBUG = 1;
#endif
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
const char built_with_CXX11_ABI_0 = 1;
#endif

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    text += (axis ? ", " : "") + std::to_string(shape[axis]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) {
      throw std::invalid_argument("shape " + to_string(shape) +
                                  " has a negative size or too many elements");
    }
  }
  return count;
}

}  // namespace cnnx
