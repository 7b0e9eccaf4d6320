// Settings as text, "conv2d out_channels=16 kernel_size=3", for C and other languages: a kind, and
// values by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "c_api/call.h"
#include "cnnx/layer.h"
#include "cnnx/shape.h"
#include "cnnx/training_settings.h"

namespace cnnx::c_api {

// One line of a text. Each value is read by name and type; finish() refuses unread settings. Errors
// are std::invalid_argument, one sentence that begins with `where`: "cnnx_model_create: layers,
// line 2: max_pool2d: kernel_size is \"big\", expected an integer".
class SettingsText {
 public:
  SettingsText(std::string where, std::string_view line);

  // The line's first word, or "" if that is a setting.
  const std::string& kind() const { return kind_; }
  bool has(const std::string& name) const { return values_.count(name) > 0; }

  // Refuses the line unless it has the setting.
  void require(const std::string& name) { text_of(name); }
  template <typename Value>
  Value get(const std::string& name) {
    Value value{};
    read(name, text_of(name), value);
    return value;
  }
  // Replaces `value` if the line has the setting.
  template <typename Value>
  void set(const std::string& name, Value& value) {
    if (has(name)) read(name, text_of(name), value);
  }
  template <typename Value>
  void set(const std::string& name, std::optional<Value>& value) {
    if (has(name)) value = get<Value>(name);
  }

  template <typename Value, std::size_t count>
  void set_word(const std::string& name, const NamedValue<Value> (&words)[count], Value& value) {
    if (!has(name) || find_value(words, text_of(name), value)) return;
    std::string expected;
    for (const NamedValue<Value>& word : words)
      expected += (expected.empty() ? "" : " or ") + std::string(word.name);
    refuse(name, text_of(name), expected);
  }

  void finish() const;
  // Throws std::invalid_argument.
  [[noreturn]] void refuse(const std::string& reason) const;

 private:
  const std::string& text_of(const std::string& name);
  [[noreturn]] void refuse(const std::string& name, const std::string& text,
                           const std::string& expected) const;

  void read(const std::string& name, const std::string& text, int64_t& value) const;
  void read(const std::string& name, const std::string& text, uint64_t& value) const;
  void read(const std::string& name, const std::string& text, double& value) const;
  void read(const std::string& name, const std::string& text, float& value) const;
  void read(const std::string& name, const std::string& text, bool& value) const;
  void read(const std::string& name, const std::string& text, std::string& value) const;
  void read(const std::string& name, const std::string& text, Pair& value) const;  // "3" or "3,5"
  template <typename Value>                                                        // "0.5,0.5,0.25"
  void read(const std::string& name, const std::string& text, std::vector<Value>& values) const;
  // Of the type that it holds. A list of four, a padding, may be "same" or "valid", or fewer
  // integers: one for every side, two for height and width.
  void read(const std::string& name, const std::string& text, Setting& setting) const;

  std::string where_, kind_;
  std::map<std::string, std::string> values_;
  std::set<std::string> taken_;
};

// The lines of a text except empty lines and lines that begin with #. Errors call them "layers,
// line 3".
std::vector<SettingsText> settings_of_lines(const Call& call, const char* text,
                                            const char* argument);

// A text of one line.
SettingsText settings_of_line(const Call& call, const char* text, const char* argument);

}  // namespace cnnx::c_api
