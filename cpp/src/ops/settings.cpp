// Checks a layer's settings one by one and says in a sentence what is wrong with one.
#include "ops/settings.h"

#include <algorithm>
#include <stdexcept>

namespace cnnx::ops {
namespace {

// Far above any real layer, far below where products of a few of them overflow.
constexpr int64_t kMost = int64_t{1} << 24;

std::string describe(const Setting& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const int64_t* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const float* number = std::get_if<float>(&value)) return std::to_string(*number);
  if (const std::string* text = std::get_if<std::string>(&value)) return "\"" + *text + "\"";
  return to_string(std::get<std::vector<int64_t>>(value));
}

bool are_sides(const Setting& value) {
  const auto* sides = std::get_if<std::vector<int64_t>>(&value);
  return sides && sides->size() == 4 && std::all_of(sides->begin(), sides->end(), [](int64_t side) {
           return side >= 0 && side <= kMost;
         });
}

Padding to_padding(const Setting& value) {
  const auto& sides = std::get<std::vector<int64_t>>(value);
  return {Padding::Rule::explicit_sides, sides[0], sides[1], sides[2], sides[3]};
}

}  // namespace

const Setting& SettingsReader::find(const std::string& name) {
  const auto found = settings_.find(name);
  if (found == settings_.end()) throw std::invalid_argument(kind_ + ": " + name + " is missing");
  taken_.insert(name);
  return found->second;
}

void SettingsReader::refuse(const std::string& name, const Setting& value,
                            const std::string& expected) const {
  throw std::invalid_argument(kind_ + ": " + name + " is " + describe(value) + ", expected " +
                              expected);
}

int64_t SettingsReader::integer(const std::string& name, int64_t least) {
  const Setting& value = find(name);
  const int64_t* number = std::get_if<int64_t>(&value);
  if (!number || *number < least || *number > kMost) {
    refuse(name, value,
           "an integer from " + std::to_string(least) + " to " + std::to_string(kMost));
  }
  return *number;
}

bool SettingsReader::boolean(const std::string& name) {
  const Setting& value = find(name);
  const bool* flag = std::get_if<bool>(&value);
  if (!flag) refuse(name, value, "true or false");
  return *flag;
}

float SettingsReader::real(const std::string& name) {
  const Setting& value = find(name);
  const float* number = std::get_if<float>(&value);
  if (!number || !(*number - *number == 0.0f)) refuse(name, value, "a finite number");
  return *number;
}

float SettingsReader::initial(float otherwise) {
  return settings_.count(kInitial) ? real(kInitial) : otherwise;
}

Pair SettingsReader::pair(const std::string& name, int64_t least) {
  const Setting& value = find(name);
  const auto* list = std::get_if<std::vector<int64_t>>(&value);
  bool good = list && list->size() == 2;
  for (std::size_t i = 0; good && i < 2; ++i) good = (*list)[i] >= least && (*list)[i] <= kMost;
  if (!good) refuse(name, value, "two integers >= " + std::to_string(least) + " (height, width)");
  return {(*list)[0], (*list)[1]};
}

Padding SettingsReader::padding(const std::string& name) {
  const Setting& value = find(name);
  Padding padding;
  if (const std::string* rule = std::get_if<std::string>(&value)) {
    if (*rule == "valid") {
      padding.rule = Padding::Rule::valid;
    } else if (*rule == "same") {
      padding.rule = Padding::Rule::same;
    } else {
      refuse(name, value, "\"valid\", \"same\" or integers");
    }
    return padding;
  }
  if (!are_sides(value)) {
    refuse(name, value, "four integers >= 0 (top, bottom, left, right), \"valid\" or \"same\"");
  }
  return to_padding(value);
}

Padding SettingsReader::sides(const std::string& name) {
  const Setting& value = find(name);
  if (!are_sides(value)) refuse(name, value, "four integers >= 0 (top, bottom, left, right)");
  return to_padding(value);
}

std::size_t SettingsReader::choice(const std::string& name, const std::vector<std::string>& words) {
  const Setting& value = find(name);
  const std::string* word = std::get_if<std::string>(&value);
  const auto found = word ? std::find(words.begin(), words.end(), *word) : words.end();
  if (found == words.end()) {
    std::string expected;
    for (const std::string& each : words)
      expected += (expected.empty() ? "\"" : " or \"") + each + "\"";
    refuse(name, value, expected);
  }
  return static_cast<std::size_t>(found - words.begin());
}

void SettingsReader::finish() const {
  for (const auto& [name, value] : settings_) {
    if (!taken_.count(name)) throw std::invalid_argument(kind_ + ": has no setting named " + name);
  }
}

}  // namespace cnnx::ops
