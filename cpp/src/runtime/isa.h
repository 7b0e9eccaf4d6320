// The instruction set of this process: the best that the CPU has, unless CNNX_ISA sets one. Kernels
// of integers and of bfloat16 may use one more, with instructions for their dot products.
#pragma once

namespace cnnx::runtime {

enum class Isa { baseline, avx2, avx512, neon };

// Decided on the first call; throws std::invalid_argument (each time) if CNNX_ISA cannot be used.
Isa active_isa();

// none: those of active_isa().
enum class DotProducts { none, avx2_vnni, avx512_vnni, avx512_bf16, amx, neon_dotprod };

DotProducts dot_products();

}  // namespace cnnx::runtime
