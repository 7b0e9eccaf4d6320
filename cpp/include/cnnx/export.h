// CNNX_API marks what the shared library exports; everything else is built with hidden visibility.
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
