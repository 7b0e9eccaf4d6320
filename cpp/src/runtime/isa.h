// The instruction set of this process: the best that the CPU has, unless CNNX_ISA sets one.
#pragma once

namespace cnnx::runtime {

enum class Isa { baseline, avx2, avx512, neon };

// Decided on the first call; throws std::invalid_argument (each time) if CNNX_ISA cannot be used.
Isa active_isa();

}  // namespace cnnx::runtime
