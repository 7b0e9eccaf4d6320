// Names of parameters as users write them: "*.bias".
#pragma once

#include <string>

namespace cnnx::training {

// * stands for any characters, ? for one.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace cnnx::training
