// A timer for a block of code.
#pragma once

#include <chrono>

namespace cnnx::runtime {

// Adds the seconds of its lifetime to `sum`; does nothing if `sum` is null.
class AddTime {
 public:
  explicit AddTime(double* sum) : sum_(sum) {
    if (sum_) begun_ = Clock::now();
  }
  ~AddTime() {
    if (sum_) *sum_ += std::chrono::duration<double>(Clock::now() - begun_).count();
  }
  AddTime(const AddTime&) = delete;
  AddTime& operator=(const AddTime&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double* sum_;
  Clock::time_point begun_;
};

}  // namespace cnnx::runtime
