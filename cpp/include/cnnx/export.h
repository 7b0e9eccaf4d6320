// CNNX_API marks the symbols that the shared library exports; all others have hidden visibility.
#pragma once

#if defined(CNNX_STATIC)
#define CNNX_API
#elif defined(_WIN32)
#if defined(CNNX_BUILDING)
#define CNNX_API __declspec(dllexport)
#else
#define CNNX_API __declspec(dllimport)
#endif
#else
#define CNNX_API __attribute__((visibility("default")))
#endif
