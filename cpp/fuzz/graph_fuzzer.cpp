// Fuzzes the checks of a graph with layers of any settings: std::invalid_argument, or a model that
// runs and is saved.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/error.h"
#include "cnnx/layer.h"
#include "cnnx/layer_kinds.h"
#include "graph/model_state.h"
#include "model_round_trip.h"

namespace {

using cnnx::Setting;
using cnnx::SettingForm;

constexpr int64_t kHostile[] = {-1,
                                0,
                                (int64_t{1} << 24) - 1,
                                int64_t{1} << 24,
                                (int64_t{1} << 24) + 1,
                                int64_t{1} << 31,
                                int64_t{1} << 40,
                                int64_t{1} << 62,
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()};

class Maker {
 public:
  explicit Maker(FuzzedDataProvider& random) : random_(random) {}

  // Mostly in the range, rarely outside.
  int64_t size(int64_t least = 1, int64_t most = 4) {
    if (random_.ConsumeIntegralInRange<int>(0, 63) == 0) return random_.PickValueInArray(kHostile);
    return random_.ConsumeIntegralInRange<int64_t>(least, most);
  }

  cnnx::Layer layer(std::size_t number) {
    const std::vector<cnnx::LayerKind>& kinds = cnnx::layer_kinds();
    const cnnx::LayerKind& kind =
        kinds[random_.ConsumeIntegralInRange<std::size_t>(0, kinds.size() - 1)];
    cnnx::Layer layer;
    layer.kind = kind.name;
    layer.name = "l" + std::to_string(number);
    layer.trainable = random_.ConsumeBool();
    for (const cnnx::SettingInfo& each : kind.settings) layer.settings[each.name] = setting(each);
    const std::size_t inputs =
        kind.most_inputs == 1 ? 1 : random_.ConsumeIntegralInRange<std::size_t>(1, 4);
    // Mostly the last few layers, because more of those networks are valid.
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::size_t back = random_.ConsumeIntegralInRange<std::size_t>(1, i == 0 ? 1 : 3);
      layer.inputs.push_back(back > number ? "input" : "l" + std::to_string(number - back));
    }
    return layer;
  }

 private:
  Setting setting(const cnnx::SettingInfo& info) {
    switch (info.form) {
      case SettingForm::integer:
        return size();
      case SettingForm::real:
        return real();
      case SettingForm::boolean:
        return random_.ConsumeBool();
      case SettingForm::pair:
        return std::vector<int64_t>{size(), size()};
      case SettingForm::padding:
      case SettingForm::sides:
        return padding(info.form == SettingForm::padding);
      case SettingForm::choice:
        return std::string(
            info.choices[random_.ConsumeIntegralInRange<std::size_t>(0, info.choices.size() - 1)]);
    }
    return false;
  }

  Setting padding(bool has_rules) {
    const int rule = random_.ConsumeIntegralInRange<int>(0, 3);
    if (has_rules && rule == 0) return std::string("same");
    if (has_rules && rule == 1) return std::string("valid");
    return std::vector<int64_t>{size(0), size(0), size(0), size(0)};
  }

  float real() {
    return random_.ConsumeBool() ? random_.ConsumeProbability<float>()
                                 : random_.ConsumeFloatingPoint<float>();
  }

  FuzzedDataProvider& random_;
};

// The limit on floats of all parameters and buffers of a model worth building.
constexpr int64_t kMostParameters = int64_t{1} << 16;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider random(data, size);
  Maker maker(random);
  const cnnx::Shape input_shape = {maker.size(1, 12), maker.size(1, 12), maker.size(1, 8)};
  std::vector<cnnx::Layer> layers;
  const auto count = random.ConsumeIntegralInRange<std::size_t>(0, 8);
  for (std::size_t number = 0; number < count; ++number) layers.push_back(maker.layer(number));
  try {
    cnnx::graph::Graph graph(layers, input_shape);
    if (graph.parameters().floats() > kMostParameters || graph.buffers().floats() > kMostParameters)
      return 0;
    cnnx::graph::ModelState model(std::move(graph), {}, {});
    model.draw_parameters(0);
    if (!cnnx::test::runs_and_round_trips(model)) __builtin_trap();
  } catch (const cnnx::FormatError&) {
    __builtin_trap();  // the saved file must be readable
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
