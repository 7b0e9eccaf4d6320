// Patterns for the names of parameters: "*.bias".
#pragma once

#include <string>

namespace cnnx::training {

// * matches any characters, ? any one character.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace cnnx::training
