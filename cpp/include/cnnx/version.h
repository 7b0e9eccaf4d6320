// The one place that says which version of cnnx this is; CMake and the Python package read it from
// here.
#pragma once

#define CNNX_VERSION "0.1.0"
