// The position in a training run as numbers in a checkpoint's metadata: the epoch's number, its
// steps done, and the sums over their rows, of which the last is that of their weights, if any.
#include <algorithm>
#include <cmath>
#include <variant>
#include <vector>

#include "cnnx/error.h"
#include "cnnx/trainer.h"
#include "runtime/exact_count.h"

namespace cnnx {
namespace {

constexpr const char* kPlace = "epoch_place";

bool is_count(double value) {
  return value >= 0 && value <= static_cast<double>(runtime::kMostExactCount) &&
         value == static_cast<double>(static_cast<int64_t>(value));
}

bool is_weight(double value) { return value >= 0 && std::isfinite(value); }

}  // namespace

MetadataArray Epoch::place() const {
  const EpochPosition at = position();
  std::vector<double> numbers = {static_cast<double>(number()), static_cast<double>(at.step),
                                 at.loss, at.weight, at.correct};
  if (at.row_weight) numbers.push_back(*at.row_weight);
  return {kPlace, {static_cast<int64_t>(numbers.size())}, numbers};
}

void resume(EpochOptions& options, const CheckpointMetadata& metadata) {
  const auto found = std::find_if(metadata.arrays.begin(), metadata.arrays.end(),
                                  [](const MetadataArray& array) { return array.name == kPlace; });
  const auto* numbers =
      found == metadata.arrays.end() ? nullptr : std::get_if<std::vector<double>>(&found->values);
  const bool has_weights = numbers && numbers->size() == 6;
  const bool whole = numbers && (numbers->size() == 5 || has_weights) && is_count((*numbers)[0]) &&
                     is_count((*numbers)[1]) && std::isfinite((*numbers)[2]) &&
                     is_weight((*numbers)[3]) &&
                     (has_weights ? is_weight((*numbers)[4]) && is_weight((*numbers)[5])
                                  : is_count((*numbers)[4]));
  if (!whole) throw FormatError("resume: the metadata hold no place in an epoch");
  const std::vector<double>& at = *numbers;
  options.number = static_cast<uint64_t>(at[0]);
  options.position = {static_cast<int64_t>(at[1]), at[2], at[3], at[4]};
  if (has_weights) options.position.row_weight = at[5];
}

}  // namespace cnnx
