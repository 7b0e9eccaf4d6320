// The error sentence for an invalid setting.
#include "runtime/check_settings.h"

#include <cstdio>
#include <stdexcept>

namespace cnnx::runtime {

void refuse_setting(const std::string& prefix, const std::string& setting, const std::string& value,
                    const std::string& expected) {
  throw std::invalid_argument(prefix + setting + " is " + value + ", expected " + expected);
}

std::string in_words(int64_t value) { return std::to_string(value); }

std::string in_words(double value) {
  char number[32];
  std::snprintf(number, sizeof number, "%g", value);
  return number;
}

std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace cnnx::runtime
