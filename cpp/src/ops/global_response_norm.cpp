// global_response_norm: the layer kind, a scale of every channel by the norm of its map relative to
// those of the other channels (ConvNeXt V2: Woo, Debnath, Hu, Chen, Liu, Kweon, Xie 2023).
#include <cmath>

#include "kernels/batch_norm2d.h"
#include "kernels/scale2d.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

constexpr const char* kResponseNormName = "global_response_norm";

// Of an image's sums over pixels.
constexpr int64_t kLeastResponsePixels = 64;

// y = x * (1 + weight * norm / divisor) + bias, where norm is the square root of the sum of a
// channel's squares, and divisor the mean of the norms plus epsilon.
template <class Element>
class BoundGlobalResponseNorm final : public BoundOp {
 public:
  BoundGlobalResponseNorm(const Shape& x, float epsilon)
      : images_(x[0]),
        pixels_(x[1] * x[2]),
        channels_(x[3]),
        epsilon_(epsilon),
        chunks_(pixels_, channels_, kLeastResponsePixels),
        line_(runtime::round_up_to_line(channels_)) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t scratch_floats(int threads) const override {
    return images_ * line_ + threads * image_floats();
  }
  int64_t backward_scratch_floats(int threads) const override {
    return 2 * images_ * line_ + threads * image_floats();
  }
  int64_t saved_bytes() const override {
    return images_ * line_ * static_cast<int64_t>(sizeof(float));
  }

  void save(const ForwardArguments& a) const override {
    for_images(
        a.threads, a.scratch + images_ * line_,
        [&](int64_t image, int threads, float* scratch) { measure(a, image, threads, scratch); });
  }
  void forward(const ForwardArguments& a) const override {
    for_images(a.threads, a.scratch + images_ * line_,
               [&](int64_t image, int threads, float* scratch) {
                 measure(a, image, threads, scratch);
                 scale(a, image, threads, scratch);
               });
  }
  void backward(const BackwardArguments& a) const override {
    for_images(
        a.threads, a.scratch + 2 * images_ * line_,
        [&](int64_t image, int threads, float* scratch) { backward(a, image, threads, scratch); });
    for (int i = 0; i < 2; ++i) {
      if (!a.grad_parameters[i]) continue;
      add_up_chunks(a.scratch + i * line_, images_, 2 * line_, channels_, a.accumulate_parameters,
                    a.grad_parameters[i]);
    }
  }

 private:
  // An image's scratch: two sums per chunk and channel, and three lines of a number per channel.
  int64_t image_floats() const { return (2 * chunks_.count() + 3) * line_; }
  float* line(float* scratch, int index) const {
    return scratch + (2 * chunks_.count() + index) * line_;
  }
  int64_t offset(int64_t image) const { return image * pixels_ * channels_; }

  template <class Body>
  void for_images(int threads, float* scratch, const Body& body) const {
    chunks_.for_images(images_, threads, scratch, image_floats(), body);
  }
  // Of sums of products alone, or also of the scale and shift, and the sums of gradients.
  static const ChannelwiseLoops<Element>& loops(bool bias) {
    const Scale2dKernels& both = CNNX_KERNELS(scale2d_kernels);
    const ChannelwiseKernels& kernels = bias ? both.with_bias : both.without_bias;
    return by_element<Element>(kernels.floats, kernels.bfloat16);
  }
  float* norms(const ForwardArguments& a, int64_t image) const {
    return (a.saved ? reinterpret_cast<float*>(a.saved) : a.scratch) + image * line_;
  }
  double divisor(const float* norms) const {
    double sum = 0;
    for (int64_t c = 0; c < channels_; ++c) sum += norms[c];
    return sum / static_cast<double>(channels_) + epsilon_;
  }
  // One of the two sums of a channel.
  double sum_of(const float* scratch, int index, int64_t channel) const {
    double sum = 0;
    for (int64_t i = 0; i < chunks_.count(); ++i) sum += scratch[(2 * i + index) * line_ + channel];
    return sum;
  }

  // The sums of a * b and, if asked, of a.
  void add_up(const Element* a, const Element* b, bool both, int threads, float* scratch) const {
    const auto kernel = loops(both).sums;
    chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
      float* const sums[] = {scratch + 2 * chunk * line_, scratch + (2 * chunk + 1) * line_};
      kernel(a + first * channels_, b + first * channels_, pixels, channels_, sums);
    });
  }
  void measure(const ForwardArguments& a, int64_t image, int threads, float* scratch) const {
    const Element* const x = elements_of<Element>(a.inputs[0]) + offset(image);
    add_up(x, x, false, threads, scratch);
    float* const own = norms(a, image);
    for (int64_t c = 0; c < channels_; ++c)
      own[c] = static_cast<float>(std::sqrt(sum_of(scratch, 0, c)));
  }
  // Writes the factors of an image's channels.
  void fill(const float* weight, const float* norms, float* factors) const {
    const double divisor = this->divisor(norms);
    for (int64_t c = 0; c < channels_; ++c)
      factors[c] = static_cast<float>(1 + weight[c] * (norms[c] / divisor));
  }
  void scale(const ForwardArguments& a, int64_t image, int threads, float* scratch) const {
    const auto kernel = loops(true).forward;
    float* const factors = line(scratch, 0);
    fill(a.parameters[0], norms(a, image), factors);
    const float* const parameters[] = {factors, a.parameters[1]};
    chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
      const int64_t place = offset(image) + first * channels_;
      kernel(elements_of<Element>(a.inputs[0]) + place, parameters, pixels, channels_,
             elements_of<Element>(a.output) + place);
    });
  }
  void backward(const BackwardArguments& a, int64_t image, int threads, float* scratch) const;

  int64_t images_, pixels_, channels_;
  float epsilon_;
  PixelChunks chunks_;
  int64_t line_;
};

// With s = sum of grad_output * x of a channel, the gradient of its norm is weight * s / divisor -
// sum over channels of (weight * s * norm) / (channels * divisor^2), and that of x is this times
// x / norm, or 0 where the norm is 0, plus its factor times grad_output.
template <class Element>
void BoundGlobalResponseNorm<Element>::backward(const BackwardArguments& a, int64_t image,
                                                int threads, float* scratch) const {
  const auto* const x = elements_of<Element>(a.inputs[0]) + offset(image);
  auto* const grad_output = elements_of<Element>(a.grad_output) + offset(image);
  const float* const weight = a.parameters[0];
  const float* const norms = reinterpret_cast<const float*>(a.saved) + image * line_;
  add_up(grad_output, x, true, threads, scratch);
  float* const part_sums = a.scratch + 2 * image * line_;
  const double divisor = this->divisor(norms);
  double mixed = 0;
  for (int64_t c = 0; c < channels_; ++c) {
    const double products = sum_of(scratch, 0, c);
    part_sums[c] = static_cast<float>(products * (norms[c] / divisor));
    part_sums[line_ + c] = static_cast<float>(sum_of(scratch, 1, c));
    mixed += weight[c] * products * norms[c];
  }
  if (!a.grad_inputs[0].values) return;
  float *const factors = line(scratch, 0), *const bends = line(scratch, 1);
  float* const zeros = line(scratch, 2);
  fill(weight, norms, factors);
  const double common = mixed / (static_cast<double>(channels_) * divisor * divisor);
  for (int64_t c = 0; c < channels_; ++c) {
    const double gradient = weight[c] * sum_of(scratch, 0, c) / divisor - common;
    bends[c] = norms[c] == 0 ? 0.0f : static_cast<float>(gradient / norms[c]);
    zeros[c] = 0;
  }
  const auto kernel = by_element<Element>(a.kernels->batch_norm2d->backward,
                                          a.kernels->batch_norm2d_bfloat16->backward);
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
    const int64_t place = first * channels_;
    BatchNormBackwardOf<Element> chunk = {};
    chunk.grad_output = grad_output + place;
    chunk.x = x + place;
    chunk.pixels = pixels;
    chunk.channels = channels_;
    chunk.line = {zeros, factors, zeros};
    kernel(chunk, {factors, zeros, bends, a.grad_inputs[0].accumulate,
                   elements_of<Element>(a.grad_inputs[0].values) + offset(image) + place});
  });
}

class GlobalResponseNormOp final : public ElementsOp {
 public:
  explicit GlobalResponseNormOp(float epsilon) : epsilon_(epsilon) {}
  Shape output_shape(const Shape& input) const override {
    check_image_shape(kResponseNormName, input);
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    return {{"weight", {input.back()}}, {"bias", {input.back()}}};
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundGlobalResponseNorm>(fusion, input, epsilon_);
  }

 private:
  float epsilon_;
};

std::unique_ptr<const Op> make_global_response_norm(const CheckedSettings& settings) {
  return std::make_unique<GlobalResponseNormOp>(settings.real("epsilon"));
}

constexpr SettingInfo kResponseNormSettings[] = {
    real("epsilon", "added to the mean of the norms").otherwise(1e-6).above(0)};
constexpr LayerArray kResponseNormParameters[] = {{"weight"}, {"bias"}};
constexpr LayerDescription kResponseNormLayers[] = {
    LayerDescription(kResponseNormName,
                     "x + weight * x * norm of its map / mean of the channels' norms + bias",
                     make_global_response_norm)
        .with_settings(kResponseNormSettings)
        .with_parameters(kResponseNormParameters),
};

}  // namespace

ConstantArray<LayerDescription> global_response_norm_layers() { return kResponseNormLayers; }

}  // namespace cnnx::ops
