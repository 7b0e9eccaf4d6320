// Visits the settings of a trainer and writes each as a text, independent of the locale.
#include "training/setting_texts.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <locale>
#include <optional>
#include <sstream>
#include <string_view>
#include <type_traits>
#include <utility>

#include "training/loss_term.h"

namespace cnnx::training {
namespace {

constexpr const char* kNone = "none";

// A name of an array, or a pattern of one, which is ASCII.
std::string text_of(const std::string& value) { return value; }
std::string text_of(bool value) { return value ? "true" : "false"; }

// The shortest text of at least six digits that is read back as the same number.
template <class Real>
std::string shortest(Real value) {
  for (int digits = std::numeric_limits<Real>::digits10;; ++digits) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text.precision(digits);
    text << value;
    std::istringstream reading(text.str());
    reading.imbue(std::locale::classic());
    Real again{};
    const bool is_same = (reading >> again) && again == value;
    if (is_same || digits >= std::numeric_limits<Real>::max_digits10) return text.str();
  }
}

template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
std::string text_of(Number value) {
  if constexpr (std::is_integral_v<Number>)
    return std::to_string(value);
  else
    return shortest(value);
}

template <class Value>
std::string text_of(const std::optional<Value>& value) {
  return value ? text_of(*value) : kNone;
}

template <class Value>
std::string text_of(const std::vector<Value>& values) {
  std::string text;
  for (const Value& each : values) text += (text.empty() ? "" : ",") + text_of(each);
  return values.empty() ? kNone : text;
}

// The visitor that writes: the names begin with `prefix`.
struct Write {
  std::vector<SettingText>& texts;
  std::string prefix;
  std::initializer_list<std::string_view> left_out = {};

  template <class Value, class... Allowed>
  void operator()(const char* name, const Value& value, const Allowed&...) const {
    for (const std::string_view each : left_out)
      if (each == name) return;
    texts.push_back({prefix + name, text_of(value)});
  }
};

void write_loss(const Loss& loss, const std::string& name, std::vector<SettingText>& texts) {
  const Write write{texts, name + "."};
  texts.push_back({name, name_of_kind(loss.kind)});
  Loss::for_each_setting(loss, write);
  if (loss.kind == Loss::Kind::custom) {
    write("target_size", loss.target_size);
    write("takes_logits", loss.takes_logits);
  }
  if (!loss.terms.empty()) write("terms", loss.terms.size());
  for (std::size_t i = 0; i < loss.terms.size(); ++i) {
    const std::string term = name + ".terms." + std::to_string(i + 1);
    write_loss(loss.terms[i], term, texts);
    texts.push_back({term + ".weight", text_of(loss.terms[i].weight)});
  }
}

// Whether a header, whose length and number of values are limited, has space for them.
bool fit_in_header(const std::vector<SettingText>& texts) {
  constexpr std::size_t kMostTexts = 10000, kMostBytes = std::size_t{1} << 20;
  std::size_t bytes = 0;
  for (const SettingText& each : texts) bytes += each.name.size() + each.text.size();
  return texts.size() <= kMostTexts && bytes <= kMostBytes;
}

}  // namespace

std::vector<SettingText> setting_texts(const OptimizerSettings& optimizer, const Loss& loss,
                                       const TrainerOptions& options) {
  std::vector<SettingText> texts;
  TrainerOptions::for_each_setting(options, Write{texts, "", {"recompute", "shards"}});
  std::visit(
      [&](const auto& each) {
        using Settings = std::decay_t<decltype(each)>;
        texts.push_back({"optimizer", Settings::kKind});
        Settings::for_each_setting(each, Write{texts, "optimizer.", {"learning_rate"}});
      },
      optimizer);
  texts.push_back({"rules", text_of(options.rules.size())});
  for (std::size_t i = 0; i < options.rules.size(); ++i) {
    ParameterRule::for_each_setting(options.rules[i],
                                    Write{texts, "rules." + std::to_string(i + 1) + "."});
  }
  if (options.averaging)
    Averaging::for_each_setting(*options.averaging, Write{texts, "averaging."});
  std::visit(
      [&](const auto& each) {
        using Settings = std::decay_t<decltype(each)>;
        texts.push_back({"schedule", Settings::kKind});
        Settings::for_each_setting(each, Write{texts, "schedule."});
      },
      options.schedule.shape);
  Schedule::for_each_setting(options.schedule, Write{texts, "schedule."});
  write_loss(loss, "loss", texts);
  if (!fit_in_header(texts)) texts.clear();
  return texts;
}

}  // namespace cnnx::training
