// The version of cnnx, the only place that states it; CMake and the Python package read it from
// here.
#pragma once

#define CNNX_VERSION "0.1.0"
