// A layer's settings as named values, the form they have in a graph and in a model file, and a reader that checks them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cnnx/shape.h"

namespace cnnx::ops {

using Attribute = std::variant<bool, int64_t, float, std::string, std::vector<int64_t>>;
using Attributes = std::map<std::string, Attribute>;

// Takes attributes out of a map by name; every error is one sentence: "conv2d: stride is (0, 1), expected two
// integers >= 1". finish() refuses what nobody asked for.
class AttributeReader {
 public:
  AttributeReader(std::string kind, const Attributes& attributes)
      : kind_(std::move(kind)), attributes_(attributes) {}

  int64_t integer(const std::string& name, int64_t least);
  bool boolean(const std::string& name);
  float real(const std::string& name);
  Pair pair(const std::string& name, int64_t least);  // a list of two: (height, width)
  Padding padding(const std::string& name);           // "valid", "same" or a list (top, bottom, left, right)
  void finish() const;

 private:
  const Attribute& find(const std::string& name);
  [[noreturn]] void refuse(const std::string& name, const Attribute& value, const std::string& expected) const;

  std::string kind_;
  const Attributes& attributes_;
  std::set<std::string> taken_;
};

}  // namespace cnnx::ops
