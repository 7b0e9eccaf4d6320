// Signal handlers of Python, such as that of Ctrl-C, during computations without the GIL.
#pragma once

#include <chrono>

#include "bindings.h"

namespace cnnx::bindings {

// Lets a handler run if the last one could 0.1 s ago, and throws what it raises. More often would
// delay computations beside a thread of Python that computes, because it gives up the GIL late.
class SignalCheck {
 public:
  void operator()() {
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    const AcquireGil acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

}  // namespace cnnx::bindings
