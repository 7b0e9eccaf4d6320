// Lets other Python threads run while C++ computes, also at the end of the interpreter.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace cnnx::bindings {

// Like pybind11::gil_scoped_release, except for a daemon thread whose interpreter ends meanwhile.
// Python < 3.14 then ends the thread when it requests the GIL, by unwinding its stack like an
// exception. In a destructor that ends the program, and elsewhere it would destroy Python objects
// without the GIL. Here the thread waits for the process to end instead, as in Python 3.14.
class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ~ReleaseGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace cnnx::bindings
