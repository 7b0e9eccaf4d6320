// The instruction set of this process: the best that the CPU has, unless CNNX_ISA sets one. Kernels
// of integers may use one more, with instructions for dot products of bytes.
#pragma once

namespace cnnx::runtime {

enum class Isa { baseline, avx2, avx512, neon };

// Decided on the first call; throws std::invalid_argument (each time) if CNNX_ISA cannot be used.
Isa active_isa();

// none: those of active_isa().
enum class DotProducts { none, avx2_vnni, avx512_vnni, amx, neon_dotprod };

DotProducts dot_products();

}  // namespace cnnx::runtime
