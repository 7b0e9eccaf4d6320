// Splits lines into kinds and settings, and parses settings as numbers, independent of the locale.
#include "c_api/settings_text.h"

#include <algorithm>
#include <charconv>
#include <locale>
#include <sstream>
#include <stdexcept>

#include "io/text.h"

namespace cnnx::c_api {
namespace {

constexpr std::string_view kSpace = " \t\r";

// Returns the text up to a separator, and removes both from `rest`.
std::string_view take(std::string_view& rest, std::string_view separators) {
  const std::size_t end = std::min(rest.find_first_of(separators), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

struct Line {
  int number;  // from 1
  std::string_view text;
};

// Except empty lines and lines that begin with #.
std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  int number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take(rest, "\n");
    ++number;
    const std::size_t first = line.find_first_not_of(kSpace);
    if (first != std::string_view::npos && line[first] != '#') lines.push_back({number, line});
  }
  return lines;
}

template <typename Integer>
bool is_integer(std::string_view text, Integer& value) {
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stopped == end;
}

}  // namespace

SettingsText::SettingsText(std::string where, std::string_view line) : where_(std::move(where)) {
  while (!line.empty()) {
    const std::string_view word = take(line, kSpace);
    const std::size_t equals = word.find('=');
    if (word.empty()) continue;
    if (equals == std::string_view::npos && kind_.empty() && values_.empty()) {
      kind_ = word;
      where_ += ": " + kind_;
      continue;
    }
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == word.size())
      refuse(io::in_quotes(word) + " is no setting, expected name=value");
    const std::string name(word.substr(0, equals));
    if (!values_.emplace(name, word.substr(equals + 1)).second) refuse(name + " is given twice");
  }
}

void SettingsText::refuse(const std::string& reason) const {
  throw std::invalid_argument(where_ + ": " + reason);
}

void SettingsText::refuse(const std::string& name, const std::string& text,
                          const std::string& expected) const {
  refuse(name + " is " + io::in_quotes(text) + ", expected " + expected);
}

const std::string& SettingsText::text_of(const std::string& name) {
  const auto found = values_.find(name);
  if (found == values_.end()) refuse(name + " is missing");
  taken_.insert(name);
  return found->second;
}

void SettingsText::finish() const {
  for (const auto& [name, text] : values_) {
    if (!taken_.count(name)) refuse("there is no setting named " + name);
  }
}

void SettingsText::read(const std::string& name, const std::string& text, int64_t& value) const {
  if (!is_integer(text, value)) refuse(name, text, "an integer");
}

void SettingsText::read(const std::string& name, const std::string& text, uint64_t& value) const {
  if (!is_integer(text, value)) refuse(name, text, "an integer from 0 to 2^64 - 1");
}

void SettingsText::read(const std::string& name, const std::string& text, double& value) const {
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  if (!(stream >> value) || stream.peek() != std::istringstream::traits_type::eof())
    refuse(name, text, "a number");
}

void SettingsText::read(const std::string& name, const std::string& text, float& value) const {
  double precise = 0;
  read(name, text, precise);
  value = static_cast<float>(precise);
}

void SettingsText::read(const std::string& name, const std::string& text, bool& value) const {
  if (text != "true" && text != "false") refuse(name, text, "true or false");
  value = text == "true";
}

void SettingsText::read(const std::string&, const std::string& text, std::string& value) const {
  value = text;
}

template <typename Value>
void SettingsText::read(const std::string& name, const std::string& text,
                        std::vector<Value>& values) const {
  values.clear();
  // One more separator, so that an empty value at the end is detected too.
  const std::string closed = text + ",";
  for (std::string_view rest = closed; !rest.empty();)
    read(name, std::string(take(rest, ",")), values.emplace_back());
}
template void SettingsText::read(const std::string&, const std::string&, std::vector<float>&) const;
template void SettingsText::read(const std::string&, const std::string&,
                                 std::vector<double>&) const;
template void SettingsText::read(const std::string&, const std::string&,
                                 std::vector<std::string>&) const;

void SettingsText::read(const std::string& name, const std::string& text, Pair& value) const {
  std::vector<int64_t> sizes;
  read(name, text, sizes);
  if (sizes.size() > 2) refuse(name, text, "one integer, or two: height,width");
  value = {sizes.front(), sizes.back()};
}

void SettingsText::read(const std::string& name, const std::string& text, Setting& setting) const {
  if (auto* list = std::get_if<std::vector<int64_t>>(&setting); list && list->size() == 4) {
    if (text == "same" || text == "valid") {
      setting = text;
      return;
    }
    std::vector<int64_t> sides;
    read(name, text, sides);
    if (sides.size() == 1) sides.resize(2, sides[0]);
    if (sides.size() == 2) sides = {sides[0], sides[0], sides[1], sides[1]};
    if (sides.size() != 4)
      refuse(name, text,
             "same, valid, or integers: all sides, height,width or top,bottom,left,right");
    *list = std::move(sides);
  } else if (list) {
    Pair pair;
    read(name, text, pair);
    *list = {pair.height, pair.width};
  } else {
    std::visit([&](auto& value) { read(name, text, value); }, setting);
  }
}

std::vector<SettingsText> settings_of_lines(const Call& call, const char* text,
                                            const char* argument) {
  std::vector<SettingsText> settings;
  for (const auto& [number, line] : lines_of(call.text(text, argument))) {
    settings.emplace_back(
        std::string(call.function()) + ": " + argument + ", line " + std::to_string(number), line);
  }
  return settings;
}

SettingsText settings_of_line(const Call& call, const char* text, const char* argument) {
  const std::string where = std::string(call.function()) + ": " + argument;
  const std::vector<Line> lines = lines_of(call.text(text, argument));
  if (lines.size() > 1) {
    throw std::invalid_argument(where + " has " + std::to_string(lines.size()) +
                                " lines, expected one");
  }
  return SettingsText(where, lines.empty() ? std::string_view() : lines.front().text);
}

}  // namespace cnnx::c_api
