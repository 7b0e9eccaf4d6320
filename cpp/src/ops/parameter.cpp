// parameter: the layer kind, a trained array that is the same for every image. Its input only tells
// the number of images.
#include <algorithm>
#include <vector>

#include "ops/elements.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

constexpr const char* kParameterName = "parameter";

// Uniform with a standard deviation of 0.02, from which class tokens and positions are drawn in
// practice.
constexpr int64_t kParameterFanIn = 5000;

// Calls body(begin, end) for parts of `count` numbers, of which each image has its own.
template <class Body>
void for_parts(int threads, int64_t images, int64_t count, const Body& body) {
  runtime::parallel_for(threads, count, runtime::kGrainElements / (images + 1) + 1,
                        [&](int64_t begin, int64_t end, int) { body(begin, end); });
}

template <class Element>
class BoundParameter final : public BoundOp {
 public:
  BoundParameter(int64_t images, int64_t count, int64_t input_count)
      : images_(images), count_(count), input_count_(input_count) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    const float* const weight = a.parameters[0];
    Element* const output = elements_of<Element>(a.output);
    for_parts(a.threads, images_, count_, [&](int64_t begin, int64_t end) {
      if (images_ == 0) return;
      const int64_t part = end - begin;
      if constexpr (std::is_same_v<Element, float>) {
        std::copy_n(weight + begin, part, output + begin);
      } else {
        CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).round(weight + begin, part, output + begin);
      }
      for (int64_t image = 1; image < images_; ++image)
        std::copy_n(output + begin, part, output + image * count_ + begin);
    });
  }
  void backward(const BackwardArguments& a) const override {
    if (a.grad_parameters[0]) {
      const Element* const grad = elements_of<Element>(static_cast<const float*>(a.grad_output));
      for_parts(a.threads, images_, count_, [&](int64_t begin, int64_t end) {
        add_up_images(grad, begin, end, a.accumulate_parameters, a.grad_parameters[0]);
      });
    }
    const InputGradient& gradient = a.grad_inputs[0];
    if (gradient.values && !gradient.accumulate) {
      Element* const values = elements_of<Element>(gradient.values);
      for_parts(a.threads, 1, input_count_, [&](int64_t begin, int64_t end) {
        std::fill(values + begin, values + end, Element{0});
      });
    }
  }

 private:
  // The sum of all images, in their order.
  void add_up_images(const Element* grad, int64_t begin, int64_t end, bool accumulate,
                     float* target) const {
    if constexpr (std::is_same_v<Element, float>) {
      add_up_chunks(grad + begin, images_, count_, end - begin, accumulate, target + begin);
    } else {
      const auto add = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add_words;
      if (!accumulate) std::fill(target + begin, target + end, 0.0f);
      for (int64_t image = 0; image < images_; ++image)
        add(grad + image * count_ + begin, end - begin, target + begin);
    }
  }

  int64_t images_, count_, input_count_;
};

class ParameterOp final : public ElementsOp {
 public:
  ParameterOp(Pair size, int64_t channels) : shape_{size.height, size.width, channels} {}
  Shape output_shape(const Shape& input) const override {
    if (input.empty()) refuse_shape(kParameterName, "x", input, "a batch axis");
    return checked_output(kParameterName, {input[0], shape_[0], shape_[1], shape_[2]});
  }
  std::vector<ParameterSpec> parameters(const Shape&) const override {
    return {{"weight", shape_, kParameterFanIn}};
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundParameter>(fusion, input[0], element_count(shape_),
                                         element_count(input));
  }

 private:
  Shape shape_;
};

std::unique_ptr<const Op> make_parameter(const CheckedSettings& settings) {
  return std::make_unique<ParameterOp>(settings.pair("size"), settings.integer("channels"));
}

constexpr SettingInfo kParameterSettings[] = {
    pair("size", 1, "height and width of the array"),
    integer("channels", 1, "channels of the array"),
};
constexpr LayerArray kParameterArrays[] = {{"weight"}};
constexpr LayerDescription kParameterLayers[] = {
    LayerDescription(kParameterName,
                     "a trained array, the same for every image; its input only tells how many "
                     "there are",
                     make_parameter)
        .with_settings(kParameterSettings)
        .with_parameters(kParameterArrays),
};

}  // namespace

ConstantArray<LayerDescription> parameter_layers() { return kParameterLayers; }

}  // namespace cnnx::ops
