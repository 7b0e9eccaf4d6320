// How cnnx runs on this machine: the number of threads and the instruction set its kernels use.
#pragma once

#include <string>

#include "cnnx/export.h"

namespace cnnx {

// Threads that one call may use. Until set, the first of these that exists: CNNX_NUM_THREADS,
// OMP_NUM_THREADS, min(CPUs this process may run on, its cgroup's CPU quota rounded up).
// Results never depend on it. Always 1 when has_threads() is false.
CNNX_API int get_num_threads();

// Throws std::invalid_argument unless 1 <= count <= 1024.
CNNX_API void set_num_threads(int count);

// Instruction set of the kernels, chosen once per process: "baseline", "avx2", "avx512" or "neon".
// The environment variable CNNX_ISA forces one; a name that is unknown or that this CPU cannot run
// throws std::invalid_argument, here and from every other call that needs a kernel.
CNNX_API std::string isa();

// False when the library was built serial (CMake's CNNX_OPENMP=OFF): then everything runs on the
// calling thread.
CNNX_API bool has_threads();

// Whether the threads are OpenMP's. Those of a library that was built where there is no OpenMP are
// the standard library's.
CNNX_API bool has_openmp();

}  // namespace cnnx
