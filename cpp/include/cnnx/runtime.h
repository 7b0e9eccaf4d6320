// The version, the number of threads and the instruction set of the library that a program runs
// with.
#pragma once

#include <string>

#include "cnnx/export.h"

namespace cnnx {

// "0.1.0". CNNX_VERSION of cnnx/version.h is that of the headers a program was compiled with.
CNNX_API const char* version() noexcept;

// The number of threads that one call may use: that of the calling thread's ThreadScope
// (cnnx/threads.h), or of set_num_threads. The default is the first that exists of
// CNNX_NUM_THREADS, OMP_NUM_THREADS, min(CPUs this process may run on, its cgroup's CPU quota
// rounded up). A call uses fewer if the system refuses to start as many. Results never depend on
// it. Always 1 when has_threads() is false.
//
// Throws std::invalid_argument, like every call that may use several threads, if CNNX_NUM_THREADS
// is not a number from 1 to 1024 and set_num_threads was not called. An OMP_NUM_THREADS that is not
// a number is ignored.
CNNX_API int get_num_threads();

// Throws std::invalid_argument unless 1 <= count <= 1024.
CNNX_API void set_num_threads(int count);

// The instruction set of the kernels, chosen once per process: "baseline", "avx2", "avx512" or
// "neon". The environment variable CNNX_ISA overrides the choice, by one of these names or of those
// of integer_isa. An unknown name, or one that this CPU cannot run, throws std::invalid_argument
// from this and every other call that needs a kernel.
CNNX_API std::string isa();

// The instruction set of the kernels of integers, which may have one more: "avx2_vnni",
// "avx512_vnni", "avx512_bf16" (the former and dot products of bfloat16), "amx" or "neon_dotprod",
// with instructions for dot products of bytes. Otherwise it is isa().
CNNX_API std::string integer_isa();

// Whether models with ComputeDtype::bfloat16 use instructions for bfloat16, AMX tiles or AVX-512
// BF16, as integer_isa() says. Without them float32 instructions give the same bits and take longer
// than a float32 model.
CNNX_API bool has_native_bfloat16();

// False when the library was built serial (CMake's CNNX_OPENMP=OFF). Then all code runs on the
// calling thread.
CNNX_API bool has_threads();

// Whether the library was built with OpenMP, as it is on Linux: its variables OMP_PROC_BIND and
// OMP_PLACES then say where threads run. std::thread starts them in any build.
CNNX_API bool has_openmp();

}  // namespace cnnx
