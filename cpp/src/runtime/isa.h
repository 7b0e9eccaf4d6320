// Which instruction set this process uses: what the CPU has, unless CNNX_ISA forces one.
#pragma once

namespace cnnx::runtime {

enum class Isa { baseline, avx2, avx512, neon };

// Decided on the first call; throws std::invalid_argument (each time) if CNNX_ISA cannot be
// honoured.
Isa active_isa();

}  // namespace cnnx::runtime
