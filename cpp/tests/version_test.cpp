// The version of the headers in its three forms, and that of the library.
#include "cnnx/version.h"

#include <string>

#include "check.h"
#include "cnnx/runtime.h"

int version_test(int, char*[]) {
  const std::string numbers = std::to_string(CNNX_VERSION_MAJOR) + "." +
                              std::to_string(CNNX_VERSION_MINOR) + "." +
                              std::to_string(CNNX_VERSION_PATCH);
  CHECK(std::string(CNNX_VERSION) == numbers);
  CHECK(CNNX_VERSION_NUMBER ==
        10000 * CNNX_VERSION_MAJOR + 100 * CNNX_VERSION_MINOR + CNNX_VERSION_PATCH);
  CHECK(std::string(cnnx::version()) == CNNX_VERSION);
  return cnnx::test::finish("version_test");
}
