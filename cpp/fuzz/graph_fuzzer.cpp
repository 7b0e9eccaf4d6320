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
#include "graph/model_state.h"
#include "model_round_trip.h"

namespace {

using cnnx::Setting;

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

// The settings of each kind, by type.
struct Kind {
  const char* name;
  std::vector<const char*> pairs, counts, flags, reals;
  enum class Padding { none, any, sides } padding;
  enum class Inputs { one, several } inputs;
};

const std::vector<Kind>& kinds() {
  using Padding = Kind::Padding;
  constexpr auto one = Kind::Inputs::one, several = Kind::Inputs::several;
  static const std::vector<Kind> all = {
      {"conv2d",
       {"kernel_size", "stride", "dilation"},
       {"out_channels", "groups"},
       {"bias"},
       {},
       Padding::any,
       one},
      {"conv_transpose2d",
       {"kernel_size", "stride", "dilation", "output_padding"},
       {"out_channels", "groups"},
       {"bias"},
       {},
       Padding::any,
       one},
      {"dense", {}, {"out_features"}, {"bias"}, {}, Padding::none, one},
      {"max_pool2d", {"kernel_size", "stride"}, {}, {}, {}, Padding::any, one},
      {"avg_pool2d", {"kernel_size", "stride"}, {}, {"count_include_pad"}, {}, Padding::any, one},
      {"adaptive_avg_pool2d", {"output_size"}, {}, {}, {}, Padding::none, one},
      {"zero_pad2d", {}, {}, {}, {}, Padding::sides, one},
      {"leaky_relu", {}, {}, {}, {"negative_slope"}, Padding::none, one},
      {"prelu", {}, {}, {}, {}, Padding::none, one},
      {"batch_norm2d", {}, {}, {"affine"}, {"momentum", "epsilon"}, Padding::none, one},
      {"group_norm", {}, {"groups"}, {}, {"epsilon"}, Padding::none, one},
      {"layer_norm", {}, {}, {}, {"epsilon"}, Padding::none, one},
      {"dropout", {}, {}, {}, {"rate"}, Padding::none, one},
      {"flatten", {}, {}, {}, {}, Padding::none, one},
      {"relu", {}, {}, {}, {}, Padding::none, one},
      {"relu6", {}, {}, {}, {}, Padding::none, one},
      {"sigmoid", {}, {}, {}, {}, Padding::none, one},
      {"tanh", {}, {}, {}, {}, Padding::none, one},
      {"gelu", {}, {}, {}, {}, Padding::none, one},
      {"silu", {}, {}, {}, {}, Padding::none, one},
      {"hard_swish", {}, {}, {}, {}, Padding::none, one},
      {"softmax", {}, {}, {}, {}, Padding::none, one},
      {"global_avg_pool2d", {}, {}, {}, {}, Padding::none, one},
      {"upsample2d", {"scale_factor"}, {}, {}, {}, Padding::none, one},
      {"add", {}, {}, {}, {}, Padding::none, several},
      {"multiply", {}, {}, {}, {}, Padding::none, several},
      {"concat", {}, {}, {}, {}, Padding::none, several}};
  return all;
}

class Maker {
 public:
  explicit Maker(FuzzedDataProvider& random) : random_(random) {}

  // Mostly in the range, rarely outside.
  int64_t size(int64_t least = 1, int64_t most = 4) {
    if (random_.ConsumeIntegralInRange<int>(0, 63) == 0) return random_.PickValueInArray(kHostile);
    return random_.ConsumeIntegralInRange<int64_t>(least, most);
  }

  cnnx::Layer layer(std::size_t number) {
    const Kind& kind = kinds()[random_.ConsumeIntegralInRange<std::size_t>(0, kinds().size() - 1)];
    cnnx::Layer layer;
    layer.kind = kind.name;
    layer.name = "l" + std::to_string(number);
    layer.trainable = random_.ConsumeBool();
    auto& settings = layer.settings;
    for (const char* name : kind.pairs) settings[name] = std::vector<int64_t>{size(), size()};
    for (const char* name : kind.counts) settings[name] = size();
    for (const char* name : kind.flags) settings[name] = random_.ConsumeBool();
    for (const char* name : kind.reals) settings[name] = real();
    if (kind.padding != Kind::Padding::none) settings["padding"] = padding(kind.padding);
    if (layer.kind == "upsample2d")
      settings["mode"] = std::string(random_.ConsumeBool() ? "nearest" : "bilinear");
    const std::size_t inputs =
        kind.inputs == Kind::Inputs::one ? 1 : random_.ConsumeIntegralInRange<std::size_t>(1, 4);
    // Mostly the last few layers, because more of those networks are valid.
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::size_t back = random_.ConsumeIntegralInRange<std::size_t>(1, i == 0 ? 1 : 3);
      layer.inputs.push_back(back > number ? "input" : "l" + std::to_string(number - back));
    }
    return layer;
  }

 private:
  Setting padding(Kind::Padding how) {
    const int rule = random_.ConsumeIntegralInRange<int>(0, 3);
    if (how == Kind::Padding::any && rule == 0) return std::string("same");
    if (how == Kind::Padding::any && rule == 1) return std::string("valid");
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
