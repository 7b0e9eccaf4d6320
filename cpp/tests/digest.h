// FNV-1a of 64 bits, by which the results of different machines are compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cnnx::test {

class Digest {
 public:
  template <typename Value>
  void add(const Value* values, size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values);
    for (size_t i = 0; i < count * sizeof(Value); ++i) {
      state_ = (state_ ^ bytes[i]) * 0x100000001b3u;
    }
  }
  void add(const std::vector<float>& values) { add(values.data(), values.size()); }
  void add(double value) { add(&value, 1); }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace cnnx::test
