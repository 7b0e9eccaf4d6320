// Max pooling: the public functions and the layer kind, both parallel over rows of images.
#include "cnnx/max_pool2d.h"

#include <algorithm>
#include <utility>

#include "cnnx/runtime.h"
#include "kernels/max_pool2d.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/normalised_rows.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "ops/pool2d_quantized.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kMaxPool2dName = "max_pool2d";

// The images that windows read: as they are, or, of floats, normalised a few rows at a time in a
// thread's part of `scratch`.
class PoolSource {
 public:
  explicit PoolSource(const Pool2dGeometry& g, const BatchNormForward* normalisation = nullptr,
                      float* scratch = nullptr)
      : g_(g), normalisation_(normalisation), scratch_(scratch) {}

  // Of a thread's scratch.
  int64_t band_floats() const {
    const int64_t rows = std::max((output_rows() - 1) * g_.stride.height + reach() + 1,
                                  gradient_rows() + 2 * reach());
    return runtime::round_up_to_line(std::min(rows, g_.in_height) * row_floats());
  }
  // Each calls body(row 0 of the image, first, last) for bands of output rows [first, last), or of
  // rows of the input's gradient.
  template <class Element, class Body>
  void for_outputs(const Element* image, int64_t first, int64_t last, int slot,
                   const Body& body) const {
    const auto rows_read = [&](int64_t begin, int64_t end) {
      const int64_t top = begin * g_.stride.height - g_.top;
      return std::pair(top, top + (end - begin - 1) * g_.stride.height + reach() + 1);
    };
    for_bands(image, first, last, slot, output_rows(), rows_read, body);
  }
  template <class Element, class Body>
  void for_gradients(const Element* image, int64_t first, int64_t last, int slot,
                     const Body& body) const {
    const auto rows_read = [&](int64_t begin, int64_t end) {
      return std::pair(begin - reach(), end + reach());
    };
    for_bands(image, first, last, slot, gradient_rows(), rows_read, body);
  }

 private:
  static constexpr int64_t kBandFloats = 64 * 1024;

  int64_t row_floats() const { return g_.in_width * g_.channels; }
  // From the first row of a window to its last.
  int64_t reach() const { return (g_.kernel_size.height - 1) * g_.dilation.height; }
  int64_t gradient_rows() const { return std::max<int64_t>(1, kBandFloats / row_floats()); }
  int64_t output_rows() const {
    return std::max<int64_t>(1, kBandFloats / (row_floats() * g_.stride.height));
  }

  template <class RowsRead, class Body>
  void for_bands(const uint16_t* image, int64_t first, int64_t last, int, int64_t, const RowsRead&,
                 const Body& body) const {
    body(image, first, last);
  }
  template <class RowsRead, class Body>
  void for_bands(const float* image, int64_t first, int64_t last, int slot, int64_t rows,
                 const RowsRead& rows_read, const Body& body) const {
    if (!normalisation_) return body(image, first, last);
    for (int64_t end; first < last; first = end) {
      end = std::min(last, first + rows);
      const auto [begin_read, end_read] = rows_read(first, end);
      body(normalise_rows(*normalisation_, image, g_.in_width, std::max<int64_t>(0, begin_read),
                          std::min(g_.in_height, end_read), scratch_ + slot * band_floats()),
           first, end);
    }
  }

  const Pool2dGeometry& g_;
  const BatchNormForward* normalisation_;
  float* scratch_;
};

// Of one image.
int64_t argmax_bytes(const Pool2dGeometry& g) {
  return g.out_height * g.out_width * argmax_step(g.channels);
}

template <class Element>
void run_max_pool2d(const Pool2dGeometry& g, const PoolSource& source, const Element* x,
                    int threads, Element* output, uint8_t* argmax = nullptr) {
  const PoolWindows windows = windows_of_one_image(g);
  const MaxPool2dKernels& kernels = CNNX_KERNELS(max_pool2d_kernels);
  const auto kernel = by_element<Element>(kernels.forward, kernels.bfloat16_forward);
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_row = g.out_width * g.channels;
  const auto pool_rows = [&](int64_t image, int64_t begin, int64_t end, int slot) {
    Element* const pooled = output + image * g.out_height * out_row;
    uint8_t* const places = argmax ? argmax + image * argmax_bytes(g) : nullptr;
    source.for_outputs(x + image * in_floats, begin, end, slot,
                       [&](const Element* rows, int64_t first, int64_t last) {
                         kernel(windows, rows, first, last, pooled, places);
                       });
  };
  parallel_for_rows(threads, g.batch, g.out_height, in_floats / g.out_height + out_row, pool_rows);
}

template <class Element>
struct MaxPool2dBackward {
  const Element *x, *grad_output;
  const uint8_t* argmax;  // null: found in x
  bool accumulate;
  Element* grad_input;
};

template <class Element>
void run_max_pool2d_backward(const Pool2dGeometry& g, const PoolSource& source,
                             const GradientRows<Element>& gradients, const GradientKernels& kernels,
                             const MaxPool2dBackward<Element>& a, int threads) {
  const PoolWindows windows = windows_of_one_image(g);
  const auto kernel =
      by_element<Element>(kernels.max_pool2d->backward, kernels.max_pool2d->bfloat16_backward);
  const int64_t in_row = g.in_width * g.channels, in_floats = g.in_height * in_row;
  const int64_t out_floats = g.out_height * g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.in_height, 2 * in_row + out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end, int slot) {
                      const uint8_t* const argmax =
                          a.argmax ? a.argmax + image * argmax_bytes(g) : nullptr;
                      const auto add_bands = [&](const Element* rows, int64_t first, int64_t last) {
                        const auto add = [&](int64_t from, int64_t to, float* target) {
                          kernel(windows, a.grad_output + image * out_floats, rows, argmax, from,
                                 to, a.accumulate, target);
                        };
                        gradients.for_bands(a.grad_input + image * in_floats, first, last, slot,
                                            a.accumulate, add);
                      };
                      source.for_gradients(a.x + image * in_floats, begin, end, slot, add_bands);
                    });
}

template <class Element>
class BoundMaxPool2d final : public BoundOp {
 public:
  BoundMaxPool2d(const Pool2dGeometry& geometry, const Fusion& fusion)
      : geometry_(geometry),
        normalises_input_(fusion.normalises_input),
        saves_argmax_(fusion.training && geometry.kernel_size.height * geometry.kernel_size.width <=
                                             kMostArgmaxPixels) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = !saves_argmax_;
    traits.backward_reads_output = false;
    traits.recomputes_quickly = normalises_input_;
    traits.every_forward_saves = true;
    return traits;
  }
  int64_t scratch_floats(int threads) const override {
    return normalises_input_ ? threads * PoolSource(geometry_).band_floats() : 0;
  }
  int64_t backward_scratch_floats(int threads) const override {
    return (saves_argmax_ ? 0 : scratch_floats(threads)) + gradient_rows().scratch_floats(threads);
  }
  int64_t saved_bytes() const override {
    return saves_argmax_ ? geometry_.batch * argmax_bytes(geometry_) : 0;
  }
  void forward(const ForwardArguments& a) const override {
    run_max_pool2d(geometry_, PoolSource(geometry_, a.normalisation, a.scratch),
                   elements_of<Element>(a.inputs[0]), a.threads, elements_of<Element>(a.output),
                   a.saved);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const MaxPool2dBackward<Element> arrays = {
        elements_of<Element>(a.inputs[0]), elements_of<Element>(a.grad_output), a.saved,
        gradient.accumulate, elements_of<Element>(gradient.values)};
    const BatchNormForward* normalisation = a.saved ? nullptr : a.normalisation;
    run_max_pool2d_backward(geometry_, PoolSource(geometry_, normalisation, a.scratch),
                            gradient_rows(a.scratch), *a.kernels, arrays, a.threads);
  }

 private:
  GradientRows<Element> gradient_rows(float* scratch = nullptr) const {
    return GradientRows<Element>(geometry_.in_width * geometry_.channels, scratch);
  }

  Pool2dGeometry geometry_;
  bool normalises_input_, saves_argmax_;
};

class MaxPool2dOp final : public ElementsOp {
 public:
  explicit MaxPool2dOp(const Pool2dSettings& settings) : settings_(settings) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundMaxPool2d>(fusion, geometry(input), fusion);
  }
  bool can_normalise_input(const Shape&) const override { return true; }
  Fusable fusable_as(const Shape& input) const override {
    const Pool2dGeometry g = geometry(input);
    const auto is_two = [](Pair pair) { return pair.height == 2 && pair.width == 2; };
    const bool adjacent = g.dilation.height == 1 && g.dilation.width == 1;
    const bool side_by_side = is_two(g.kernel_size) && is_two(g.stride) && adjacent && g.top == 0 &&
                              g.left == 0 && g.out_height == g.in_height / 2 &&
                              g.out_width == g.in_width / 2;
    return side_by_side ? Fusable::max_pool_2x2 : Fusable::none;
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return bind_quantized_max_pool2d(geometry(inputs[0]), formats[0]);
  }

 private:
  Pool2dGeometry geometry(const Shape& input) const {
    return pool2d_geometry(kMaxPool2dName, input, settings_);
  }

  Pool2dSettings settings_;
};

std::unique_ptr<const Op> make_max_pool2d(const CheckedSettings& settings) {
  return std::make_unique<MaxPool2dOp>(Pool2dSettings::of(settings));
}

constexpr SettingInfo kMaxPool2dSettings[] = {
    kPoolWindow,
    kPoolStride,
    padding("padding", "minus infinity around the image").otherwise(0),
    kPoolDilation,
    kPoolCeilMode,
};
constexpr LayerDescription kMaxPool2dLayers[] = {
    LayerDescription(kMaxPool2dName, "maximum of each window", make_max_pool2d)
        .with_settings(kMaxPool2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> max_pool2d_layers() { return kMaxPool2dLayers; }

}  // namespace ops

Pool2dGeometry max_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                   const Padding& padding, Pair dilation, bool ceil_mode) {
  return ops::pool2d_geometry(ops::kMaxPool2dName, x,
                              {kernel_size, stride, padding, dilation, ceil_mode});
}

void max_pool2d(const Pool2dGeometry& geometry, const float* x, float* output) {
  ops::run_max_pool2d(geometry, ops::PoolSource(geometry), x, get_num_threads(), output);
}

void max_pool2d_backward(const Pool2dGeometry& geometry, const float* grad_output, const float* x,
                         float* grad_input, bool accumulate) {
  const ops::MaxPool2dBackward<float> arrays = {x, grad_output, nullptr, accumulate, grad_input};
  ops::run_max_pool2d_backward(geometry, ops::PoolSource(geometry),
                               ops::GradientRows<float>(geometry.in_width * geometry.channels),
                               ops::gradient_kernels(), arrays, get_num_threads());
}

}  // namespace cnnx
