// The version of the library.
#include "cnnx/version.h"

#include "cnnx/runtime.h"

namespace cnnx {

const char* version() noexcept { return CNNX_VERSION; }

}  // namespace cnnx
