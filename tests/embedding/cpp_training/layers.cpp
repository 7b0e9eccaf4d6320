// The networks that test_cpp_training.py also builds in Python, saved untrained.
//
//   layers kinds FOLDER
//   layers blocks|settings|graph FILE
#include <cnnx/cnnx.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::Padding;

// A network around a layer of each kind, written by test_cpp_training.py.
struct Network {
  const char* kind;
  std::vector<cnnx::Layer> layers;
};
const Network kEveryKind[] = {
#include "every_kind.inc"
};

void save_kinds(const std::string& folder) {
  for (const Network& network : kEveryKind)
    Model(network.layers, {12, 14, 4}).save(folder + "/" + network.kind + ".cnnx");
}

Model blocks() {
  return Model(
      {Residual({Conv2d(4, 1)}), Parallel({{Conv2d(4, 1)}, {Conv2d(4, 1)}}), Flatten(), Dense(3)},
      {16, 16, 4});
}

// Every setting with another value than its default.
Model settings() {
  cnnx::ModelOptions options;
  options.classes = {"cat", "dog"};
  options.preprocessing.resize = cnnx::Resize::crop;
  options.preprocessing.mean = {0.5f};
  options.preprocessing.std = {0.25f, 0.25f, 0.25f, 0.5f};
  options.seed = 7;
  return Model(
      {Conv2d(8, {3, 5})
           .stride({1, 2})
           .padding({1, 0, 2, 1})
           .dilation({2, 1})
           .groups(2)
           .bias(false)
           .algorithm(cnnx::ConvolutionAlgorithm::direct)
           .name("edges"),
       BatchNorm2d().momentum(0.4).epsilon(1e-3).affine(false),
       LeakyReLU(0.1),
       PReLU(0.1),
       ConvTranspose2d(8, 3).stride(2).padding(Padding::same).bias(false).trainable(false),
       ConvTranspose2d(8, 2).stride(2).padding({1, 0}).output_padding(1).groups(4).dilation(3),
       MaxPool2d({3, 2}).stride(2).padding(Padding::same).dilation({2, 1}).ceil_mode(true),
       AvgPool2d(2).stride({1, 2}).padding(1).count_include_pad(false).dilation({1, 2}).ceil_mode(
           true),
       ZeroPad2d({0, 1, 2, 0}),
       Crop2d({0, 1, 1, 0}),
       Pad2d({1, 0, 0, 2}).mode(cnnx::PadMode::edge),
       Upsample2d({1, 2}).mode(cnnx::UpsampleMode::bilinear),
       SpaceToDepth(1),
       DepthToSpace(2).mode(cnnx::BlockMode::crd),
       Upsample2d().size({15, 12}).mode(cnnx::UpsampleMode::bilinear).align_corners(true),
       GroupNorm(2).epsilon(1e-3),
       LayerNorm().epsilon(1e-6),
       AdaptiveAvgPool2d({5, 3}),
       Dropout(0.25).name("drop"),
       ELU(0.5),
       Clip(-1, 2),
       GELU().approximate(cnnx::GeluApproximation::tanh),
       GELU().approximate(cnnx::GeluApproximation::none),
       HardSigmoid().slope(0.2).offset(0.4),
       LocalResponseNorm(5).alpha(0.01).beta(0.5).k(2),
       Scale2d().bias(false),
       Residual({Conv2d(6, 3).padding(Padding::same), BatchNorm2d()},
                {Conv2d(6, 1).padding(Padding::valid).bias(false)})
           .name("block")
           .trainable(false),
       Residual({Parallel({{ReLU()}, {}, {Conv2d(6, 1).name("one"), Tanh()}}, cnnx::Merge::add),
                 Parallel({{Conv2d(3, 1)}, {Conv2d(3, 1)}})}),
       Quantize(0.03, 9),
       Conv2d(6, 1).int8_weight(true),
       Quantize(0.05),
       GlobalAvgPool2d(),
       Dense(4).int8_weight(true),
       Dense(2).bias(false)},
      {24, 24, 4}, options);
}

// The layer with named inputs.
Model graph() {
  return Model(
      {Conv2d(8, 3).padding(Padding::same).name("stem"), GlobalAvgPool2d(), Dense(8), Sigmoid(),
       Multiply().inputs({"stem", "sigmoid_1"}), Concat().inputs({"multiply_1", "input"}),
       Conv2d(8, 1), Add().inputs({"conv2d_1", "stem"}), Flatten(), Dense(2)},
      {8, 8, 3});
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 3) return 2;
  try {
    const std::string which = arguments[1];
    if (which == "kinds") {
      save_kinds(arguments[2]);
      return 0;
    }
    (which == "blocks" ? blocks() : which == "settings" ? settings() : graph()).save(arguments[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
