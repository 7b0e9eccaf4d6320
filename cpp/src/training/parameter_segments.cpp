// Matches rules with the names of parameters.
#include "training/parameter_segments.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/shape.h"
#include "runtime/check_settings.h"
#include "training/name_pattern.h"

namespace cnnx::training {
std::vector<ParameterSegment> parameter_segments(const std::vector<ParameterInfo>& parameters,
                                                 const std::vector<bool>& trained,
                                                 const std::vector<ParameterRule>& rules) {
  for (const ParameterRule& rule : rules) {
    runtime::check_settings("trainer: ", rule, " of the rule \"" + rule.pattern + "\"");
    const bool used = std::any_of(
        parameters.begin(), parameters.end(),
        [&](const ParameterInfo& parameter) { return matches(rule.pattern, parameter.name); });
    if (used) continue;
    throw std::invalid_argument("trainer: the rule \"" + rule.pattern +
                                "\" matches no parameter, expected names such as \"" +
                                (parameters.empty() ? "" : parameters.front().name) + "\"");
  }
  std::vector<ParameterSegment> segments;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ParameterInfo& parameter = parameters[i];
    ParameterSegment segment{parameter.offset, element_count(parameter.shape)};
    for (const ParameterRule& rule : rules) {
      if (!matches(rule.pattern, parameter.name)) continue;
      segment.learning_rate_factor *= rule.learning_rate_factor;
      segment.weight_decay_factor *= rule.weight_decay_factor;
    }
    if (!trained[i]) segment.learning_rate_factor = 0;
    ParameterSegment* const last = segments.empty() ? nullptr : &segments.back();
    if (last && last->end() == segment.offset &&
        last->learning_rate_factor == segment.learning_rate_factor &&
        last->weight_decay_factor == segment.weight_decay_factor) {
      last->count += segment.count;
    } else {
      segments.push_back(segment);
    }
  }
  return segments;
}

}  // namespace cnnx::training
