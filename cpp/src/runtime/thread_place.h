// Places threads on CPUs as OpenMP would.
#pragma once

namespace cnnx::runtime {

// Moves the calling thread, number `slot` of `threads`, to the CPUs that OMP_PROC_BIND and
// OMP_PLACES give it. Does nothing without these variables, without OpenMP, and where the system
// cannot.
void place_thread(int slot, int threads) noexcept;

}  // namespace cnnx::runtime
