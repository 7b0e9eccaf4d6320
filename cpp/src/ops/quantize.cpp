// quantize: the layer kind, and the conversions between floats and bytes.
#include <stdexcept>
#include <string>

#include "kernels/quantize.h"
#include "ops/byte_function.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/quantization.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Calls body(first element, number of elements) for the parts of the threads.
template <class Body>
void for_parts(int threads, int64_t count, const Body& body) {
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) { body(begin, end - begin); });
}

class BoundQuantize final : public BoundOp {
 public:
  BoundQuantize(const Quantization& format, int64_t count)
      : how_(scale_of(format)), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_output = false;
    traits.recomputes_quickly = true;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    const auto kernel = CNNX_KERNELS(quantize_kernels).round_trip;
    for_parts(a.threads, count_, [&](int64_t begin, int64_t count) {
      kernel(a.inputs[0] + begin, count, how_, a.output + begin);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const auto kernel = CNNX_KERNELS(quantize_kernels).gradient;
    for_parts(a.threads, count_, [&](int64_t begin, int64_t count) {
      kernel(a.grad_output + begin, a.inputs[0] + begin, count, how_, gradient.accumulate,
             gradient.values + begin);
    });
  }

 private:
  ByteScale how_;
  int64_t count_;
};

// Between an array of floats and one of bytes.
class Conversion final : public InferenceOp {
 public:
  Conversion(const Quantization& format, int64_t count, bool to_bytes)
      : how_(scale_of(format)), count_(count), to_bytes_(to_bytes) {}
  void forward(const ForwardArguments& a) const override {
    const QuantizeKernels& kernels = CNNX_KERNELS(quantize_kernels);
    for_parts(a.threads, count_, [&](int64_t begin, int64_t count) {
      if (to_bytes_) {
        kernels.to_bytes(a.inputs[0] + begin, count, how_, bytes_of(a.output) + begin);
      } else {
        kernels.to_floats(bytes_of(a.inputs[0]) + begin, count, how_, a.output + begin);
      }
    });
  }

 private:
  ByteScale how_;
  int64_t count_;
  bool to_bytes_;
};

class QuantizeOp final : public Op {
 public:
  explicit QuantizeOp(const Quantization& format) : format_(format) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundQuantize>(format_, element_count(input));
  }
  Fusable fusable_as(const Shape&) const override { return Fusable::quantize; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    if (formats[0] == format_) return {nullptr, format_};
    Fusion itself;
    itself.quantize = this;
    return bind_byte_function(values_of_bytes(formats[0]), element_count(inputs[0]), formats[0],
                              itself);
  }
  const Quantization* quantization() const override { return &format_; }

 private:
  Quantization format_;
};

std::unique_ptr<const Op> make_quantize(const CheckedSettings& settings) {
  const int64_t zero_point = settings.integer("zero_point");
  if (zero_point < 0 || zero_point > 255) {
    throw std::invalid_argument("quantize: zero_point is " + std::to_string(zero_point) +
                                ", expected an integer from 0 to 255");
  }
  return std::make_unique<QuantizeOp>(
      Quantization{settings.real("scale"), static_cast<int32_t>(zero_point)});
}

constexpr SettingInfo kQuantizeSettings[] = {
    real("scale", "difference of two successive values").above(0),
    integer("zero_point", 0, "the byte of the value 0").to(255).otherwise(0),
};
constexpr LayerDescription kQuantizeLayers[] = {
    LayerDescription("quantize", "the nearest of 256 values, scale * (0...255 - zero_point)",
                     make_quantize)
        .with_settings(kQuantizeSettings),
};

}  // namespace

std::unique_ptr<const BoundOp> bind_floats_to_bytes(int64_t count, const Quantization& format) {
  return std::make_unique<Conversion>(format, count, /*to_bytes=*/true);
}
std::unique_ptr<const BoundOp> bind_bytes_to_floats(int64_t count, const Quantization& format) {
  return std::make_unique<Conversion>(format, count, /*to_bytes=*/false);
}

ConstantArray<LayerDescription> quantize_layers() { return kQuantizeLayers; }

}  // namespace cnnx::ops
