// The bound layer and the calls that conv2d and conv_transpose2d share.
#include "ops/conv2d_execution.h"

#include <algorithm>
#include <utility>

#include "cnnx/runtime.h"
#include "kernels/max_pool2x2.h"
#include "ops/activations.h"
#include "ops/add.h"
#include "ops/call_scratch.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

class BoundConvolution final : public BoundOp {
 public:
  BoundConvolution(const ConvolutionLayer& layer, std::shared_ptr<const Conv2dAlgorithm> algorithm,
                   const Fusion& fusion)
      : geometry_(layer.geometry),
        output_(layer.transposed ? geometry_.input_shape() : geometry_.output_shape()),
        algorithm_(std::move(algorithm)),
        transposed_(layer.transposed),
        bias_(layer.bias),
        fusion_(fusion) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (algorithm_->adds()) traits.runs_in_place = InputSet::only(1);
    // The fused ReLU's mask is read from its output.
    traits.changes_grad_output = fusion_.relu && !fusion_.max_pool;
    traits.backward_reads_output = traits.changes_grad_output;
    traits.passes_gradient = InputSet::only(1);
    traits.applies_relu_mask = true;
    return traits;
  }
  int64_t packed_floats() const override { return folded_floats() + algorithm_->packed_floats(); }
  void pack_weights(const float* const* parameters, const float* const* buffers, int threads,
                    float* packed) const override {
    if (fusion_.batch_norm) {
      fold(parameters, buffers, threads, packed);
    } else {
      algorithm_->pack_weights(parameters[0], threads, packed);
    }
  }
  int64_t multiply_adds() const override {
    const Shape weight = geometry_.weight_shape();
    return geometry_.batch * geometry_.out_height * geometry_.out_width * element_count(weight);
  }
  int64_t saved_bytes() const override {
    return fusion_.max_pool ? pooled_pixels() * argmax_step(output_[3]) : 0;
  }
  int64_t scratch_floats(int threads) const override {
    return own_packed_floats() + algorithm_->forward_scratch_floats(threads);
  }
  int64_t backward_scratch_floats(int threads) const override {
    return unpooled_floats() + std::max(own_gradient_packed_floats() +
                                            algorithm_->input_gradient_scratch_floats(threads),
                                        algorithm_->weight_gradient_scratch_floats(threads));
  }

  void forward(const ForwardArguments& a) const override {
    const float* weight = a.parameters[0];
    const float* bias = bias_ ? a.parameters[1] : nullptr;
    const float* packed = a.packed;
    if (fusion_.batch_norm) {
      bias = packed;
      weight = packed + bias_floats();
      packed += folded_floats();
    } else if (!packed && !algorithm_->packs_in_parts()) {
      algorithm_->pack_weights(weight, a.threads, a.scratch);
      packed = a.scratch;
    }
    ForwardEpilogue epilogue{bias, fusion_.relu, fusion_.max_pool, a.saved};
    const bool adds_after = fusion_.add && !algorithm_->adds();
    if (adds_after) {
      epilogue.relu = false;
    } else if (fusion_.add) {
      epilogue.addend = a.inputs[1];
    }
    algorithm_->forward(a.inputs[0], weight, packed, epilogue, a.threads,
                        a.scratch + own_packed_floats(), a.output);
    if (adds_after)
      add_arrays(a.output, a.inputs[1], element_count(output_), fusion_.relu, a.threads, a.output);
  }

  void backward(const BackwardArguments& a) const override {
    float* const scratch = a.scratch + unpooled_floats();
    const float* gradient = a.grad_output;
    if (fusion_.max_pool) {
      unpool(a.grad_output, a.saved, a.threads, a.scratch);
      gradient = a.scratch;
    } else if (fusion_.relu && !a.grad_output_relu_masked) {
      relu_gradient(a.grad_output, a.output, element_count(output_), a.threads);
    }
    if (a.grad_parameters[0]) {
      algorithm_->weight_gradient(*a.kernels, a.inputs[0], gradient, /*accumulate=*/false,
                                  a.threads, scratch, a.grad_parameters[0],
                                  bias_ ? a.grad_parameters[1] : nullptr);
    }
    if (a.grad_inputs[0].values) input_gradient(a, gradient, scratch);
    // Last: what is added may be the input itself.
    if (fusion_.add) pass_gradient(gradient, a.grad_inputs[1], element_count(output_), a.threads);
  }

 private:
  void input_gradient(const BackwardArguments& a, const float* gradient, float* scratch) const {
    const InputGradient& input = a.grad_inputs[0];
    const bool whole = !algorithm_->gradient_packs_in_parts();
    if (whole) algorithm_->pack_for_gradient(a.parameters[0], a.threads, scratch);
    algorithm_->input_gradient(
        gradient, a.parameters[0], whole ? scratch : nullptr,
        GradientEpilogue{input.accumulate, input.relu_masked ? a.inputs[0] : nullptr}, a.threads,
        scratch + own_gradient_packed_floats(), input.values);
  }
  // What forward packs when it is not given it.
  int64_t own_packed_floats() const {
    return algorithm_->packs_in_parts() || fusion_.batch_norm ? 0 : algorithm_->packed_floats();
  }
  int64_t own_gradient_packed_floats() const {
    return algorithm_->gradient_packs_in_parts() ? 0 : algorithm_->gradient_packed_floats();
  }
  // A batch norm that was taken in: a bias, and the weights where the algorithm reads them as they
  // are; a part of the packed weights.
  int64_t bias_floats() const { return runtime::round_up_to_line(output_[3]); }
  int64_t folded_floats() const {
    if (!fusion_.batch_norm) return 0;
    const int64_t weight = element_count(geometry_.weight_shape());
    return bias_floats() +
           (algorithm_->packed_floats() > 0 ? 0 : runtime::round_up_to_line(weight));
  }
  void fold(const float* const* parameters, const float* const* buffers, int threads,
            float* packed) const;
  // Whose weights they are, along the last two axes.
  int64_t out_channel(int64_t row, int64_t column) const {
    if (!transposed_) return column;
    const int64_t group = column / (geometry_.out_channels / geometry_.groups);
    return group * (geometry_.in_channels / geometry_.groups) + row;
  }
  int64_t pooled_pixels() const { return output_[0] * (output_[1] / 2) * (output_[2] / 2); }
  // The gradient of the map before it was pooled.
  int64_t unpooled_floats() const {
    return fusion_.max_pool ? runtime::round_up_to_line(element_count(output_)) : 0;
  }
  void unpool(const float* grad_output, const uint8_t* argmax, int threads, float* target) const;

  Conv2dGeometry geometry_;
  Shape output_;
  std::shared_ptr<const Conv2dAlgorithm> algorithm_;
  bool transposed_, bias_;
  Fusion fusion_;
};

void BoundConvolution::fold(const float* const* parameters, const float* const* buffers,
                            int threads, float* packed) const {
  const int64_t channels = output_[3];
  const Shape shape = geometry_.weight_shape();
  runtime::AlignedBuffer scale(channels), weight(element_count(shape));
  // The batch norm's parameters come after the convolution's own.
  fusion_.batch_norm->scale_and_shift(parameters + (bias_ ? 2 : 1), buffers, channels, scale.data(),
                                      packed);
  for (int64_t c = 0; bias_ && c < channels; ++c) packed[c] += parameters[1][c] * scale.data()[c];
  const float* from = parameters[0];
  float* to = weight.data();
  for (int64_t tap = 0; tap < shape[0] * shape[1]; ++tap) {
    for (int64_t row = 0; row < shape[2]; ++row) {
      for (int64_t column = 0; column < shape[3]; ++column)
        *to++ = *from++ * scale.data()[out_channel(row, column)];
    }
  }
  if (algorithm_->packed_floats() > 0) {
    algorithm_->pack_weights(weight.data(), threads, packed + folded_floats());
  } else {
    std::copy_n(weight.data(), element_count(shape), packed + bias_floats());
  }
}

void BoundConvolution::unpool(const float* grad_output, const uint8_t* argmax, int threads,
                              float* target) const {
  const auto kernel = CNNX_KERNELS(max_pool2x2_kernels).backward;
  const int64_t height = output_[1], width = output_[2], channels = output_[3];
  const int64_t pairs = height / 2, row_floats = width * channels;
  parallel_for_rows(threads, output_[0], pairs, 3 * row_floats,
                    [&](int64_t image, int64_t first, int64_t last) {
                      const int64_t pixel = (image * pairs + first) * (width / 2);
                      float* const rows = target + image * height * row_floats;
                      kernel({last - first, width, channels}, grad_output + pixel * channels,
                             argmax + pixel * argmax_step(channels), rows + 2 * first * row_floats);
                      const bool odd = last == pairs && 2 * pairs < height;
                      if (odd) std::fill_n(rows + 2 * pairs * row_floats, row_floats, 0.0f);
                    });
}

}  // namespace

std::unique_ptr<const BoundOp> bind_convolution(const ConvolutionLayer& layer,
                                                std::shared_ptr<const Conv2dAlgorithm> algorithm,
                                                const Fusion& fusion) {
  return std::make_unique<BoundConvolution>(layer, std::move(algorithm), fusion);
}

void run_convolution(const Conv2dAlgorithm& algorithm, const float* x, const float* weight,
                     const float* bias, float* output) {
  const int threads = get_num_threads();
  const bool whole = !algorithm.packs_in_parts();
  const int64_t packed_floats = whole ? runtime::round_up_to_line(algorithm.packed_floats()) : 0;
  const CallScratch scratch(packed_floats + algorithm.forward_scratch_floats(threads));
  if (whole) algorithm.pack_weights(weight, threads, scratch.data());
  algorithm.forward(x, weight, whole ? scratch.data() : nullptr,
                    ForwardEpilogue{bias, false, false, nullptr}, threads,
                    scratch.data() + packed_floats, output);
}

void run_convolution_backward(const Conv2dAlgorithm& algorithm, const float* grad_output,
                              const float* x, const float* weight, float* grad_input,
                              float* grad_weight, float* grad_bias, bool accumulate) {
  const int threads = get_num_threads();
  if (grad_weight || grad_bias) {
    const CallScratch scratch(algorithm.weight_gradient_scratch_floats(threads));
    algorithm.weight_gradient(gradient_kernels(), x, grad_output, accumulate, threads,
                              scratch.data(), grad_weight, grad_bias);
  }
  if (!grad_input) return;
  const bool whole = !algorithm.gradient_packs_in_parts();
  const int64_t packed_floats =
      whole ? runtime::round_up_to_line(algorithm.gradient_packed_floats()) : 0;
  const CallScratch scratch(packed_floats + algorithm.input_gradient_scratch_floats(threads));
  if (whole) algorithm.pack_for_gradient(weight, threads, scratch.data());
  algorithm.input_gradient(grad_output, weight, whole ? scratch.data() : nullptr,
                           GradientEpilogue{accumulate, nullptr}, threads,
                           scratch.data() + packed_floats, grad_input);
}

}  // namespace cnnx::ops
