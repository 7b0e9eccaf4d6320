// Registers the kind "shift": x + shift, with a trained shift per channel.
#include <cnnx/cnnx.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace {

struct Shift : cnnx::CustomLayer {
  explicit Shift(float initial) : initial_(initial) {}
  cnnx::Shape output_shape(const std::vector<cnnx::Shape>& inputs) const override {
    return inputs[0];
  }
  std::vector<cnnx::CustomParameter> parameters(
      const std::vector<cnnx::Shape>& inputs) const override {
    return {{"shift", {inputs[0].back()}, 0, initial_}};
  }
  void forward(const ForwardCall& call) const override {
    for_each(call, [&](int64_t i, int64_t channel) {
      call.output[i] = call.inputs[0][i] + call.parameters[0][channel];
    });
  }
  void backward(const BackwardCall& call) const override {
    float* const grad_input = call.grad_inputs[0];
    float* const grad_shift = call.grad_parameters[0];
    if (grad_shift) std::fill_n(grad_shift, call.output_shape.back(), 0.0f);
    for_each(call, [&](int64_t i, int64_t channel) {
      if (grad_input) grad_input[i] = call.grad_output[i];
      if (grad_shift) grad_shift[channel] += call.grad_output[i];
    });
  }

 private:
  template <class Body>
  static void for_each(const Arrays& call, const Body& body) {
    const int64_t channels = call.output_shape.back();
    for (int64_t i = 0; i < cnnx::element_count(call.output_shape); ++i) body(i, i % channels);
  }
  float initial_;
};

constexpr cnnx::SettingInfo kSettings[] = {
    cnnx::setting::real("initial", "the first shift").otherwise(0).not_saved(),
    cnnx::setting::integer("groups", 1, "a setting whose name other kinds have").otherwise(1)};
constexpr cnnx::LayerArray kParameters[] = {{"shift"}};

const bool registered = [] {
  cnnx::register_layer_kind(
      {"shift", "x + shift", kSettings, kParameters}, [](const cnnx::Settings& settings) {
        return std::make_shared<Shift>(std::get<float>(settings.at("initial")));
      });
  return true;
}();

}  // namespace

// A model with a layer of this kind.
extern "C" void write_model(const char* path) {
  using namespace cnnx::layers;
  const cnnx::Layer shift{"shift", {{"initial", 0.5f}, {"groups", int64_t{3}}}};
  cnnx::Model({Conv2d(4, 3), shift, ReLU(), Flatten(), Dense(2)}, {8, 8, 1}).save(path);
}
