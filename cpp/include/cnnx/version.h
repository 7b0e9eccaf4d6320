// The version of cnnx, the only place that states it; CMake and the Python package read it from
// here. cnnx::version() and cnnx_version() are that of the library a program runs with.
#pragma once

#define CNNX_VERSION_MAJOR 0
#define CNNX_VERSION_MINOR 1
#define CNNX_VERSION_PATCH 0

// For comparisons in #if: 100 is 0.1.0, 10203 is 1.2.3.
#define CNNX_VERSION_NUMBER \
  (CNNX_VERSION_MAJOR * 10000 + CNNX_VERSION_MINOR * 100 + CNNX_VERSION_PATCH)

// "0.1.0"
#define CNNX_VERSION CNNX_VERSION_TEXT(CNNX_VERSION_MAJOR, CNNX_VERSION_MINOR, CNNX_VERSION_PATCH)
#define CNNX_VERSION_TEXT(major, minor, patch) \
  CNNX_QUOTED(major) "." CNNX_QUOTED(minor) "." CNNX_QUOTED(patch)
#define CNNX_QUOTED(number) #number
