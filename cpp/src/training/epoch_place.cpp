// The position in a training run as numbers in a checkpoint's metadata: the epoch's number, its
// steps done, the sums over their rows, of which the last is that of their weights or -1, and the
// settings of the epoch. Older checkpoints end with the sums, the last one only if rows have
// weights.
#include "training/epoch_place.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "cnnx/error.h"
#include "cnnx/trainer.h"
#include "runtime/check_settings.h"
#include "runtime/exact_count.h"

namespace cnnx {
namespace {

constexpr const char* kPlace = "epoch_place";

bool is_count(double value) {
  return value >= 0 && value <= static_cast<double>(runtime::kMostExactCount) &&
         value == static_cast<double>(static_cast<int64_t>(value));
}

bool is_weight(double value) { return value >= 0 && std::isfinite(value); }

struct EpochSetting {
  std::string name;
  double value;
  std::vector<std::string> words;  // of an enum, by value
};

// In the order of a place, to which later versions append.
std::vector<EpochSetting> settings_of(int64_t rows, int64_t batch_size,
                                      const EpochOptions& options) {
  std::vector<EpochSetting> settings = {
      {"the number of rows", static_cast<double>(rows), {}},
      {"batch_size", static_cast<double>(batch_size), {}},
      {"shuffle", options.shuffle ? 1.0 : 0.0, {"false", "true"}},
      {"first_image", static_cast<double>(options.first_image), {}}};
  Augmentation::for_each_setting(options.augmentation,
                                 [&](const char* name, const auto& value, const auto& allowed) {
                                   std::vector<std::string> words;
                                   if constexpr (std::is_enum_v<std::decay_t<decltype(value)>>)
                                     words = names(allowed);
                                   settings.push_back({name, static_cast<double>(value), words});
                                 });
  return settings;
}

// The value of a file may be any number.
std::string shown(const EpochSetting& setting, double value) {
  for (std::size_t i = 0; i < setting.words.size(); ++i)
    if (value == static_cast<double>(i)) return setting.words[i];
  if (is_count(value)) return runtime::in_words(static_cast<int64_t>(value));
  return runtime::in_words(value);
}

constexpr std::size_t kMostSums = 6;       // and counts before them
constexpr std::size_t kLeastSettings = 4;  // those before the augmentation's

bool has_length_of_place(std::size_t length) {
  const std::size_t most = settings_of(0, 0, {}).size();
  return length == kMostSums - 1 || length == kMostSums ||
         (length >= kMostSums + kLeastSettings && length <= kMostSums + most);
}

}  // namespace

namespace training {

std::vector<double> epoch_settings(int64_t rows, int64_t batch_size, const EpochOptions& options) {
  std::vector<double> values;
  for (const EpochSetting& each : settings_of(rows, batch_size, options))
    values.push_back(each.value);
  return values;
}

void check_place(int64_t rows, int64_t batch_size, const EpochOptions& options,
                 const std::string& caller) {
  const std::vector<double>& saved = options.position.settings;
  if (options.position.step == 0 || saved.empty()) return;
  const std::vector<EpochSetting> own = settings_of(rows, batch_size, options);
  for (std::size_t i = 0; i < std::min(own.size(), saved.size()); ++i) {
    if (own[i].value == saved[i]) continue;
    throw std::invalid_argument(caller + ": " + own[i].name + " is " + shown(own[i], own[i].value) +
                                ", expected " + shown(own[i], saved[i]) +
                                ", with which the resumed epoch was begun");
  }
}

}  // namespace training

MetadataArray Epoch::place() const {
  const EpochPosition at = position();
  std::vector<double> numbers = {
      static_cast<double>(number()), static_cast<double>(at.step), at.loss, at.weight, at.correct,
      at.row_weight.value_or(-1)};
  const std::vector<double>& settings = training::settings_of_epoch(state());
  numbers.insert(numbers.end(), settings.begin(), settings.end());
  return {kPlace, {static_cast<int64_t>(numbers.size())}, numbers};
}

void resume(EpochOptions& options, const CheckpointMetadata& metadata) {
  const auto found = std::find_if(metadata.arrays.begin(), metadata.arrays.end(),
                                  [](const MetadataArray& array) { return array.name == kPlace; });
  const auto* numbers =
      found == metadata.arrays.end() ? nullptr : std::get_if<std::vector<double>>(&found->values);
  const bool has_length = numbers && has_length_of_place(numbers->size());
  const bool has_settings = has_length && numbers->size() > kMostSums;
  const bool has_weights =
      has_length && numbers->size() >= kMostSums && !(has_settings && (*numbers)[5] == -1);
  const bool whole = has_length && is_count((*numbers)[0]) && is_count((*numbers)[1]) &&
                     std::isfinite((*numbers)[2]) && is_weight((*numbers)[3]) &&
                     (has_weights ? is_weight((*numbers)[4]) && is_weight((*numbers)[5])
                                  : is_count((*numbers)[4]));
  if (!whole) throw FormatError("resume: the metadata hold no place in an epoch");
  const std::vector<double>& at = *numbers;
  options.number = static_cast<uint64_t>(at[0]);
  options.position = {static_cast<int64_t>(at[1]), at[2], at[3], at[4]};
  if (has_weights) options.position.row_weight = at[5];
  if (has_settings) options.position.settings.assign(at.begin() + kMostSums, at.end());
}

}  // namespace cnnx
