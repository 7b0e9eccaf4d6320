// The instruction sets that this build has kernels for: CNNX_IF_AVX2(text) is the text if AVX2 is
// one of them, else nothing. CMake defines CNNX_LEVEL_... (cmake/CnnxKernels.cmake).
#pragma once

#if defined(CNNX_LEVEL_AVX2)
#define CNNX_IF_AVX2(...) __VA_ARGS__
#else
#define CNNX_IF_AVX2(...)
#endif
#if defined(CNNX_LEVEL_AVX2_VNNI)
#define CNNX_IF_AVX2_VNNI(...) __VA_ARGS__
#else
#define CNNX_IF_AVX2_VNNI(...)
#endif
#if defined(CNNX_LEVEL_AVX512)
#define CNNX_IF_AVX512(...) __VA_ARGS__
#else
#define CNNX_IF_AVX512(...)
#endif
#if defined(CNNX_LEVEL_AVX512_VNNI)
#define CNNX_IF_AVX512_VNNI(...) __VA_ARGS__
#else
#define CNNX_IF_AVX512_VNNI(...)
#endif
#if defined(CNNX_LEVEL_AVX512_BF16)
#define CNNX_IF_AVX512_BF16(...) __VA_ARGS__
#else
#define CNNX_IF_AVX512_BF16(...)
#endif
#if defined(CNNX_LEVEL_AMX)
#define CNNX_IF_AMX(...) __VA_ARGS__
#else
#define CNNX_IF_AMX(...)
#endif
#if defined(CNNX_LEVEL_NEON)
#define CNNX_IF_NEON(...) __VA_ARGS__
#else
#define CNNX_IF_NEON(...)
#endif
#if defined(CNNX_LEVEL_NEON_DOTPROD)
#define CNNX_IF_NEON_DOTPROD(...) __VA_ARGS__
#else
#define CNNX_IF_NEON_DOTPROD(...)
#endif
