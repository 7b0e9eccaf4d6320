// Predictions of quantized networks: the same bits on one thread and on three, alone and in a
// batch. Prints a digest of each, which must be equal on every CPU and instruction set.
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/cnnx.h"
#include "digest.h"
#include "runtime/philox.h"

namespace {

using namespace cnnx::layers;
using cnnx::Padding;
using cnnx::test::Digest;

constexpr uint64_t kSeed = 24;
constexpr int64_t kImages = 5;
constexpr double kByte = 1.0 / 255;

// Random numbers, the same on every machine.

float uniform(uint32_t stream, size_t index) {
  return cnnx::runtime::Philox(kSeed, stream, 0).uniform(index);
}
int whole_number(uint32_t stream, size_t index) {
  return static_cast<int>(uniform(stream, index) * 256) - 128;
}

std::vector<uint8_t> image_bytes(const cnnx::Shape& shape) {
  std::vector<uint8_t> pixels(static_cast<size_t>(kImages * cnnx::element_count(shape)));
  for (size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<uint8_t>(whole_number(1, i) + 128);
  }
  return pixels;
}

// Weights that keep the outputs of a layer as large as its inputs.
float weight_scale(int64_t products, float random) {
  constexpr float kDeviation = 74;  // of the whole numbers
  return (0.5f + random) / (kDeviation * std::sqrt(static_cast<float>(products)));
}

// Scales, whole numbers times scales, and biases.
void set_numbers(cnnx::Model& model) {
  uint32_t stream = 2;
  for (const cnnx::ParameterInfo& weight : model.parameters()) {
    std::vector<float> values(static_cast<size_t>(cnnx::element_count(weight.shape)));
    std::vector<float> scales;
    ++stream;
    for (const cnnx::ParameterInfo& buffer : model.buffers()) {
      if (buffer.name != weight.name + "_scale") continue;
      scales.resize(static_cast<size_t>(buffer.shape[0]));
      const auto products = static_cast<int64_t>(values.size() / scales.size());
      for (size_t i = 0; i < scales.size(); ++i) {
        scales[i] = weight_scale(products, uniform(1000 + stream, i));
      }
      model.set_buffer(buffer, scales.data());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = scales.empty() ? uniform(stream, i) - 0.5f
                                 : whole_number(stream, i) * scales[i % scales.size()];
    }
    model.set_parameter(weight, values.data());
  }
}

// The networks.

struct Network {
  std::vector<cnnx::Layer> layers;
  cnnx::Shape shape;
};

Conv2d convolution(int64_t channels, cnnx::Pair kernel_size) {
  return Conv2d(channels, kernel_size).padding(Padding::same).int8_weight(true);
}
Conv2d depthwise(int64_t channels, cnnx::Pair kernel_size) {
  return convolution(channels, kernel_size).groups(channels);
}
// Of numbers of both signs, and of those above 0.
Quantize rounded() { return Quantize(6 * kByte, 120); }
Quantize rounded_above_zero() { return Quantize(4 * kByte); }

// Odd numbers of channels; the last outputs are floats.
Network convolutions() {
  return {
      {Quantize(kByte), convolution(5, 5), ReLU(), rounded_above_zero(),
       convolution(24, 3).stride({2, 1}), rounded(), convolution(33, 1), ReLU6(),
       Quantize(6 * kByte), convolution(64, 3).bias(false), rounded(),
       convolution(100, 3).dilation(2), ReLU(), rounded_above_zero(), convolution(64, 1).stride(2),
       rounded(), Conv2d(3, {1, 5}).padding({2, 1}).int8_weight(true)},
      {19, 18, 3}};
}

Network depthwise_convolutions() {
  return {{Quantize(kByte, 7),
           depthwise(3, 3),
           rounded(),
           convolution(5, 1),
           rounded(),
           depthwise(5, 5),
           ReLU6(),
           Quantize(6 * kByte),
           convolution(24, 1),
           rounded(),
           depthwise(24, 3).stride(2),
           ReLU(),
           rounded_above_zero(),
           convolution(33, 1),
           rounded(),
           depthwise(33, 3).dilation({1, 2}).bias(false),
           rounded(),
           convolution(100, 1),
           rounded(),
           depthwise(100, 3),
           ReLU(),
           rounded_above_zero(),
           convolution(64, 1),
           rounded(),
           depthwise(64, {5, 3})},
          {17, 20, 3}};
}

// Sums of two branches, which a convolution fuses, and of three, which it does not.
Network residual_blocks() {
  return {{Quantize(kByte), convolution(24, 3), ReLU(), rounded_above_zero(),
           Residual({convolution(24, 3), ReLU(), rounded_above_zero(), convolution(24, 3)}), ReLU(),
           rounded_above_zero().name("first"),
           Residual({depthwise(24, 3)}, {convolution(24, 1), rounded()}), rounded().name("second"),
           convolution(24, 1), rounded().name("third"), Add().inputs({"first", "second", "third"}),
           Quantize(9 * kByte, 100),
           Residual({convolution(33, 3).stride(2)}, {convolution(33, 1).stride(2), rounded()}),
           ReLU6(), Quantize(6 * kByte), convolution(64, 1)},
          {13, 14, 3}};
}

// Branches side by side, and gates per channel and per pixel.
Network branches_and_gates() {
  return {{Quantize(kByte),
           convolution(24, 3),
           rounded(),
           Parallel({{convolution(5, 1), rounded()},
                     {convolution(33, 3), ReLU(), rounded_above_zero()},
                     {MaxPool2d(3).stride(1).padding(1)}}),
           Quantize(5 * kByte, 110).name("joined"),
           AdaptiveAvgPool2d(1),
           rounded(),
           convolution(8, 1),
           ReLU(),
           rounded_above_zero(),
           convolution(62, 1),
           rounded(),
           Sigmoid(),
           Quantize(kByte).name("gate"),
           Multiply().inputs({"joined", "gate"}),
           rounded().name("gated"),
           convolution(1, 3),
           rounded(),
           HardSigmoid(),
           Quantize(kByte).name("attention"),
           Multiply().inputs({"gated", "attention"}),
           rounded().name("attended"),
           Maximum().inputs({"attended", "joined", "gated"}),
           rounded(),
           convolution(24, 1)},
          {12, 11, 3}};
}

Network poolings() {
  return {{Quantize(kByte), convolution(100, 3), rounded(),
           MaxPool2d(3).stride(2).padding(Padding::same),
           AvgPool2d(3).stride(1).padding(1).count_include_pad(false), rounded(),
           convolution(33, 1), rounded(), AvgPool2d({2, 3}).stride(2).ceil_mode(true), rounded(),
           MaxPool2d(2).stride(1).dilation(2), AdaptiveAvgPool2d({3, 2}), rounded(),
           convolution(5, 1), rounded(), GlobalAvgPool2d()},
          {25, 22, 3}};
}

Network dense_layers() {
  return {{Quantize(kByte), MaxPool2d(2), Flatten(), Dense(100).int8_weight(true), ReLU(),
           rounded_above_zero(), Dense(33).int8_weight(true).bias(false), rounded(),
           Dense(64).int8_weight(true), ReLU6(), Quantize(6 * kByte), Dense(7).int8_weight(true)},
          {9, 14, 3}};
}

// Activations, which are looked up in tables of bytes, with a convolution after each.
Network activations() {
  const std::vector<cnnx::Layer> functions = {
      LeakyReLU(0.1), ELU(),
      SELU(),         Sigmoid(),
      Tanh(),         Softsign(),
      GELU(),         SiLU(),
      Mish(),         Clip(-1, 1.5),
      HardSwish(),    HardSigmoid(),
      HardShrink(),   SoftShrink(),
      Softplus(),     GELU().approximate(cnnx::GeluApproximation::tanh)};
  Network network{{Quantize(kByte)}, {6, 7, 3}};
  for (const cnnx::Layer& function : functions) {
    for (const cnnx::Layer& layer :
         std::vector<cnnx::Layer>{convolution(24, 1), rounded(), function, rounded()}) {
      network.layers.push_back(layer);
    }
  }
  return network;
}

const std::vector<std::pair<const char*, Network (*)()>> kNetworks = {
    {"convolutions", convolutions},
    {"depthwise_convolutions", depthwise_convolutions},
    {"residual_blocks", residual_blocks},
    {"branches_and_gates", branches_and_gates},
    {"poolings", poolings},
    {"dense_layers", dense_layers},
    {"activations", activations},
};

uint64_t digest_of(const std::vector<float>& outputs) {
  Digest digest;
  digest.add(outputs);
  return digest.value();
}

void predictions_do_not_depend_on_threads_or_batches(const char* name, const Network& network) {
  cnnx::Model model(network.layers, network.shape);
  set_numbers(model);
  const std::vector<uint8_t> pixels = image_bytes(network.shape);
  cnnx::set_num_threads(3);
  const std::vector<float> outputs = model.run({pixels.data(), kImages});
  const uint64_t digest = digest_of(outputs);
  std::printf("digest %s %016" PRIx64 "\n", name, digest);
  CHECK(std::set<float>(outputs.begin(), outputs.end()).size() > 16);
  cnnx::set_num_threads(1);
  CHECK_EQUAL(digest_of(model.run({pixels.data(), kImages})), digest);
  std::vector<float> alone;
  for (int64_t image = 0; image < kImages; ++image) {
    const std::vector<float> own =
        model.run({pixels.data() + image * cnnx::element_count(network.shape), 1});
    alone.insert(alone.end(), own.begin(), own.end());
  }
  CHECK_EQUAL(digest_of(alone), digest);
}

}  // namespace

int quantized_digests_test(int, char*[]) {
  std::printf("isa %s\ninteger_isa %s\n", cnnx::isa().c_str(), cnnx::integer_isa().c_str());
  for (const auto& [name, network] : kNetworks) {
    predictions_do_not_depend_on_threads_or_batches(name, network());
  }
  return cnnx::test::finish("quantized_digests_test");
}
