// Short training runs through every kind of layer: the same bits on one thread and on three. Prints
// a digest of each, by which different machines, including emulated ones, are compared.
#include <algorithm>
#include <cinttypes>
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

constexpr uint64_t kSeed = 5;
std::set<std::string> trained_kinds;

// Data: images in [-1, 1) and the targets that a loss needs.

struct Data {
  cnnx::Shape shape;  // of one image
  int64_t count = 0;
  std::vector<float> pixels, values;
  std::vector<int64_t> labels;

  cnnx::ImageBatch images() const {
    cnnx::ImageBatch batch;
    batch.pixels = pixels.data();
    batch.count = count;
    return batch;
  }
};

std::vector<float> uniform(uint32_t stream, int64_t count) {
  const cnnx::runtime::Philox random(kSeed, stream, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = random.uniform(i);
  return values;
}

Data make_data(const cnnx::Shape& shape, int64_t count, int64_t outputs) {
  Data data{shape, count, uniform(100, count * cnnx::element_count(shape)), {}, {}};
  for (float& pixel : data.pixels) pixel = 2 * pixel - 1;
  data.values = uniform(101, count * outputs);
  const cnnx::runtime::Philox random(kSeed, 102, 0);
  for (int64_t i = 0; i < count; ++i) {
    data.labels.push_back(random.block(static_cast<uint64_t>(i))[0] % outputs);
  }
  return data;
}

struct Settings {
  cnnx::OptimizerSettings optimizer = cnnx::Adam{1e-3};
  cnnx::Loss loss;
  cnnx::TrainerOptions options;
  cnnx::EpochOptions epoch;
  int64_t epochs = 2;

  bool takes_labels() const {
    using Kind = cnnx::Loss::Kind;
    const auto kinds = {Kind::cross_entropy, Kind::focal, Kind::dice, Kind::tversky, Kind::sum};
    return std::find(kinds.begin(), kinds.end(), loss.kind) != kinds.end();
  }
};

void add_model(const cnnx::Model& model, Digest& digest) {
  const auto add = [&](const auto& arrays, auto getter) {
    for (const cnnx::ParameterInfo& array : arrays) {
      std::vector<float> values(static_cast<size_t>(cnnx::element_count(array.shape)));
      (model.*getter)(array, values.data());
      digest.add(values);
    }
  };
  add(model.parameters(), &cnnx::Model::get_parameter);
  add(model.buffers(), &cnnx::Model::get_buffer);
}

// The results of training: weights, running statistics, gradients, losses and predictions.
uint64_t train(const std::vector<cnnx::Layer>& layers, const Data& data, Settings settings = {}) {
  cnnx::ModelOptions options;
  options.seed = kSeed;
  cnnx::Model model(layers, data.shape, options);
  for (const cnnx::LayerInfo& layer : model.layer_infos()) trained_kinds.insert(layer.kind);
  settings.options.seed = kSeed;
  if (settings.epoch.batch_size > data.count) settings.epoch.batch_size = (data.count + 1) / 2;
  cnnx::Trainer trainer(model, settings.optimizer, settings.loss, settings.options);
  cnnx::Targets targets;
  if (settings.takes_labels()) {
    targets.labels = data.labels.data();
  } else {
    targets.values = data.values.data();
  }
  Digest digest;
  const int64_t batch = settings.epoch.batch_size;
  trainer.begin_schedule(settings.epochs, (data.count + batch - 1) / batch);
  for (int64_t number = 0; number < settings.epochs; ++number) {
    settings.epoch.number = static_cast<uint64_t>(number);
    cnnx::Epoch epoch = trainer.begin_epoch(data.images(), targets, settings.epoch);
    while (epoch.advance()) digest.add(epoch.metrics().loss);
  }
  digest.add(trainer.evaluate(data.images(), targets).loss);
  add_model(model, digest);
  if (settings.options.averaging) add_model(trainer.averaged_model(), digest);
  digest.add(trainer.gradients(), static_cast<size_t>(trainer.gradient_count()));
  std::vector<float> outputs(
      static_cast<size_t>(data.count * cnnx::element_count(model.output_shape())));
  model.run(data.images(), outputs.data());
  digest.add(outputs);
  return digest.value();
}

// The runs.

std::vector<cnnx::Layer> small_network() {
  return {Conv2d(16, 3).padding(1),
          ReLU(),
          MaxPool2d(2),
          Conv2d(32, 3).padding(1),
          ReLU(),
          MaxPool2d(2),
          Flatten(),
          Dense(64),
          ReLU(),
          Dense(2)};
}

Data samples(int64_t count) {
  constexpr int64_t kSize = 32;
  Data data = make_data({kSize, kSize, 1}, count, 2);
  std::vector<uint8_t> pixels(data.pixels.size());
  cnnx::draw_xo(count, kSize, kSeed, pixels.data(), data.labels.data());
  for (size_t i = 0; i < pixels.size(); ++i) data.pixels[i] = pixels[i] / 255.0f;
  return data;
}

uint64_t x_and_o() {
  Settings settings;
  settings.optimizer = cnnx::Adam{2e-3};
  settings.epoch.batch_size = 32;
  return train(small_network(), samples(130), settings);
}

uint64_t x_and_o_augmented() {
  Settings settings;
  settings.epoch.batch_size = 16;
  cnnx::Augmentation& change = settings.epoch.augmentation;
  change.flip = cnnx::Augmentation::Flip::alternating;
  change.border = cnnx::Augmentation::Border::reflect;
  change.crop_padding = 2;
  change.rotate = 20;
  change.scale_low = 0.8f, change.scale_high = 1.25f;
  change.shift = 1.5f, change.contrast = 0.3f, change.brightness = 0.3f;
  change.cutout = 5;
  change.mixup = 0.3f;
  return train(small_network(), samples(40), settings);
}

// A chain of layers: every method of a convolution, and channel counts that no vector length
// divides.
uint64_t convolutions() {
  return train({Conv2d(5, 5).padding(2),
                LeakyReLU(),
                Conv2d(24, 3),
                ReLU(),
                Conv2d(40, 3).padding(1),
                ReLU(),
                MaxPool2d(2),  // Winograd's
                Conv2d(64, 3).padding(1),
                ReLU(),
                Conv2d(64, 3).padding(1).groups(4),  // in whole vectors
                Conv2d(64, 3).padding(1).groups(64),
                ReLU(),                               // depthwise
                Conv2d(64, 3).padding(1).groups(16),  // groups of 4
                Conv2d(48, 3).padding(1).groups(16),  // of 4 to 3
                Conv2d(40, 3).padding(Padding::same).stride(2).bias(false),
                Conv2d(33, 3).padding(Padding::same).dilation({2, 1}),
                Tanh(),
                Conv2d(17, 1),
                Flatten(),
                Dense(7)},
               make_data({18, 21, 1}, 5, 7));
}

uint64_t every_other_layer() {
  return train({ZeroPad2d({1, 0, 2, 1}),
                Conv2d(5, {3, 2}).stride({2, 1}),
                GELU(),
                ConvTranspose2d(12, 4).stride(2).padding(1),
                PReLU(),
                GroupNorm(3),
                SiLU(),
                Clip(-1.5, 2),
                GELU().approximate(cnnx::GeluApproximation::tanh),
                HardSigmoid().slope(0.25).offset(0.375),
                LocalResponseNorm(4).alpha(0.5).k(0.75),
                Scale2d().bias(false),
                AvgPool2d(2).padding(1).count_include_pad(false),
                HardSwish(),
                LayerNorm(),
                Upsample2d({2, 1}).mode(cnnx::UpsampleMode::bilinear),
                ReLU6(),
                Quantize(0.02, 3),
                AdaptiveAvgPool2d({5, 4}),
                Sigmoid(),
                Flatten(),
                Dense(19),
                ReLU(),
                Dense(7)},
               make_data({13, 11, 3}, 7, 7));
}

// Layers that move pixels and channels, and poolings with all settings.
uint64_t rearranging_layers() {
  return train(
      {Conv2d(9, 3), InputPart(50, {11, 9}, 8), Pad2d({1, 2, 0, 3}), ChannelShuffle(2),
       SpaceToDepth(2), SliceChannels(3, 27), Crop2d({0, 1, 1, 0}),
       DepthToSpace(2).mode(cnnx::BlockMode::crd), MaxPool2d(2).dilation({2, 1}).ceil_mode(true),
       Pad2d(1).mode(cnnx::PadMode::edge), AvgPool2d({3, 2}).stride(2).dilation(2).ceil_mode(true),
       Upsample2d().size({7, 9}).mode(cnnx::UpsampleMode::bilinear).align_corners(true),
       Upsample2d().size({5, 11}), Reshape({11, 5}, 6), Conv2d(8, 3), Flatten(), Dense(7)},
      make_data({13, 11, 3}, 7, 7));
}

// Every kind of one input that needs no setting and does not change a shape: the activations.
uint64_t plain_layers() {
  const cnnx::Shape shape = {6, 7, 5};
  std::vector<cnnx::Layer> layers = {Conv2d(5, 3).padding(1)};
  for (const cnnx::LayerKind& kind : cnnx::layer_kinds()) {
    cnnx::Layer layer;
    layer.kind = kind.name;
    bool plain = kind.most_inputs == 1;
    for (const cnnx::SettingInfo& setting : kind.settings) {
      layer.settings[setting.name] = cnnx::default_value(setting);
      plain = plain && !setting.required;
    }
    if (plain && cnnx::Model({layer}, shape).output_shape() == shape) layers.push_back(layer);
  }
  layers.push_back(Flatten());
  layers.push_back(Dense(7));
  return train(layers, make_data(shape, 7, 7));
}

// Shortcuts, branches, gates; the layers that a batch norm fuses; dropout.
uint64_t graph() {
  Settings settings;
  settings.loss.kind = cnnx::Loss::Kind::mean_squared_error;
  settings.optimizer = cnnx::Sgd{0.05, 0.9};
  return train(
      {Conv2d(16, 3).padding(1).bias(false), BatchNorm2d(), ReLU(),
       Residual({Conv2d(16, 3).padding(1).bias(false), BatchNorm2d(), ReLU(),
                 Conv2d(16, 3).padding(1), BatchNorm2d()}),
       ReLU().name("sum"), AdaptiveAvgPool2d(1), Conv2d(16, 1), Sigmoid().name("gate"),
       Multiply().inputs({"sum", "gate"}).name("gated"), Conv2d(1, 1), Sigmoid().name("attention"),
       Multiply().inputs({"gated", "attention"}).name("attended"),
       Maximum().inputs({"attended", "gated", "sum"}), Parallel({{}, {Conv2d(5, 1)}}),
       MaxPool2d(3).stride(2).padding(Padding::same), Dropout(0.2), GlobalAvgPool2d(), Dense(6),
       Softmax()},
      make_data({14, 13, 3}, 9, 6), settings);
}

uint64_t attention() {
  const MatMul first = MatMul().transposed(cnnx::Transposed::first);
  const MatMul second = MatMul().transposed(cnnx::Transposed::second);
  return train({Conv2d(16, 3), Parameter({11, 9}, 16).name("positions"),
                Add().inputs({"conv2d_1", "positions"}).name("maps"),
                MatMul(second).inputs({"maps", "maps"}), Softmax(),
                MatMul().inputs({"softmax_1", "maps"}).name("mixed"),
                MatMul(first).inputs({"mixed", "maps"}), Flatten(), Dense(7)},
               make_data({13, 11, 3}, 7, 7));
}

uint64_t losses_and_updates() {
  using Kind = cnnx::Loss::Kind;
  const std::vector<cnnx::Layer> layers = {Conv2d(6, 5).stride(3), ReLU(), Flatten(), Dense(5)};
  const Data data = make_data({12, 12, 2}, 13, 5);
  std::vector<Settings> all(5);
  all[0].loss.label_smoothing = 0.1f;
  all[0].loss.class_weights = {0.5f, 1, 2, 1, 3};
  all[0].optimizer = cnnx::AdamW{1e-2};
  all[0].options.schedule.shape = cnnx::OneCycle{};
  all[1].loss.kind = Kind::binary_cross_entropy;
  all[1].optimizer = cnnx::RmsProp{1e-2, 0.99, 1e-8, 0.9, 0.01};
  all[1].options.clip_norm = 0.5;
  all[2].loss.kind = Kind::mean_squared_error;
  all[2].optimizer = cnnx::Sgd{0.1, 0.5, true, 0.01};
  all[2].options.averaging = cnnx::Averaging{0.9, 1};
  all[3].loss.kind = Kind::mean_absolute_error;
  all[3].options.rules = {{"*.bias", 2, 0}};
  all[3].options.schedule.shape = cnnx::CosineDecay{};
  all[4].loss.kind = Kind::huber;
  all[4].loss.delta = 0.5f;
  Digest digest;
  for (Settings& settings : all) {
    settings.epochs = 3;
    settings.epoch.batch_size = 5;
    const uint64_t found = train(layers, data, settings);
    digest.add(&found, 1);
  }
  return digest.value();
}

// A label for each position, of which one class is ignored.
uint64_t losses_of_positions() {
  using Kind = cnnx::Loss::Kind;
  constexpr int64_t kClasses = 5, kHeight = 9, kWidth = 11, kCount = 7;
  const std::vector<cnnx::Layer> layers = {Conv2d(8, 3).padding(1), ReLU(), Conv2d(kClasses, 1)};
  Data data = make_data({kHeight, kWidth, 2}, kCount, 1);
  const cnnx::runtime::Philox random(kSeed, 103, 0);
  data.labels.clear();
  for (int64_t i = 0; i < kCount * kHeight * kWidth; ++i)
    data.labels.push_back(random.block(static_cast<uint64_t>(i))[0] % (kClasses + 1));
  std::vector<Settings> all(5);
  all[1].loss.kind = Kind::focal;
  all[1].loss.gamma = 1.5f;
  all[1].loss.class_weights = {0.5f, 1, 2, 1, 3};
  all[2].loss.kind = Kind::dice;
  all[3].loss.kind = Kind::tversky;
  all[3].loss.alpha = 0.3;
  all[3].loss.class_weights = {0, 1, 2, 1, 3};
  all[4].loss.kind = Kind::sum;
  Digest digest;
  for (Settings& settings : all) {
    if (settings.loss.kind == Kind::sum) {
      settings.loss.terms = {all[0].loss, all[2].loss};
      settings.loss.terms[1].weight = 0.5;
    } else {
      settings.loss.ignore_index = kClasses;
    }
    settings.epoch.batch_size = 3;
    const uint64_t found = train(layers, data, settings);
    digest.add(&found, 1);
  }
  return digest.value();
}

// Images of another size, with alpha, which the model's preprocessing converts.
uint64_t images() {
  constexpr int64_t kHeight = 37, kWidth = 53, kChannels = 4;
  std::vector<uint8_t> pixels;
  for (const float value : uniform(103, kHeight * kWidth * kChannels)) {
    pixels.push_back(static_cast<uint8_t>(value * 256));
  }
  Digest digest;
  for (const auto resize : {cnnx::Resize::stretch, cnnx::Resize::fit, cnnx::Resize::crop}) {
    for (const int64_t channels : {1, 3}) {
      cnnx::ModelOptions options;
      options.preprocessing = {resize, {0.4f}, {0.3f}};
      options.seed = kSeed;
      const cnnx::Model model(small_network(), {16, 20, channels}, options);
      const cnnx::Prediction prediction =
          model.predict({pixels.data(), kHeight, kWidth, kChannels, cnnx::PixelType::uint8, 0});
      digest.add(prediction.probabilities);
    }
  }
  return digest.value();
}

const std::vector<std::pair<const char*, uint64_t (*)()>> kRuns = {
    {"x_and_o", x_and_o},
    {"x_and_o_augmented", x_and_o_augmented},
    {"convolutions", convolutions},
    {"every_other_layer", every_other_layer},
    {"rearranging_layers", rearranging_layers},
    {"plain_layers", plain_layers},
    {"graph", graph},
    {"attention", attention},
    {"losses_and_updates", losses_and_updates},
    {"losses_of_positions", losses_of_positions},
    {"images", images},
};

void runs_do_not_depend_on_threads() {
  std::printf("isa %s\n", cnnx::isa().c_str());
  for (const auto& [name, run] : kRuns) {
    cnnx::set_num_threads(3);
    const uint64_t digest = run();
    std::printf("digest %s %016" PRIx64 "\n", name, digest);
    cnnx::set_num_threads(1);
    CHECK_EQUAL(run(), digest);
  }
}

void every_kind_of_layer_is_trained() {
  for (const cnnx::LayerKind& kind : cnnx::layer_kinds())
    CHECK_EQUAL(trained_kinds.count(kind.name), size_t{1});
}

void a_digest_sees_a_single_bit() {
  std::vector<float> values = {1, 2, 3};
  Digest before, after;
  before.add(values);
  values[1] = 0x1.000002p1f;
  after.add(values);
  CHECK(before.value() != after.value());
}

}  // namespace

int training_digests_test(int, char*[]) {
  runs_do_not_depend_on_threads();
  every_kind_of_layer_is_trained();
  a_digest_sees_a_single_bit();
  return cnnx::test::finish("training_digests_test");
}
