// Reads a layer's settings one by one and refuses what is missing, wrong or unknown.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cnnx/layer.h"

namespace cnnx::ops {

// The one setting that may be missing: a graph forgets it as soon as the parameters are there.
constexpr const char* kInitial = "initial";

// Takes settings out of a map by name; every error is one sentence: "conv2d: stride is (0, 1),
// expected two integers >= 1". finish() refuses what nobody asked for.
class SettingsReader {
 public:
  SettingsReader(std::string kind, const Settings& settings)
      : kind_(std::move(kind)), settings_(settings) {}

  int64_t integer(const std::string& name, int64_t least);
  bool boolean(const std::string& name);
  float real(const std::string& name);
  // What a parameter begins at: kInitial, or `otherwise` where it is missing.
  float initial(float otherwise);
  Pair pair(const std::string& name, int64_t least);  // a list of two: (height, width)
  Padding padding(const std::string& name);  // "valid", "same" or a list (top, bottom, left, right)
  Padding sides(const std::string& name);    // the list only
  // Which of the words it is.
  std::size_t choice(const std::string& name, const std::vector<std::string>& words);
  void finish() const;

 private:
  const Setting& find(const std::string& name);
  [[noreturn]] void refuse(const std::string& name, const Setting& value,
                           const std::string& expected) const;

  std::string kind_;
  const Settings& settings_;
  std::set<std::string> taken_;
};

}  // namespace cnnx::ops
