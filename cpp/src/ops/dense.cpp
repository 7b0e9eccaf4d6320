// dense: checks, the public functions and the layer kind.
#include "cnnx/dense.h"

#include <algorithm>
#include <string>

#include "kernels/dense.h"
#include "ops/activations.h"
#include "ops/conv2d_execution.h"
#include "ops/conv2d_quantized.h"
#include "ops/dense_products.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/shares.h"
#include "ops/single_call.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

int64_t scratch_floats(const DenseGeometry& g, int threads) {
  return threads * kDenseScratchFloats + bias_sums_floats(g.out_features);
}

// x (batch, in_features) times the weights; the caller fills in the rest.
DenseProduct forward_product(const DenseGeometry& g, const float* x, const float* weight,
                             const float* bias, float* output) {
  DenseProduct product = {};
  product.input = x;
  product.rows = g.batch;
  product.input_step = product.depth = g.in_features;
  product.weight = weight;
  product.k_step = product.columns = product.output_step = g.out_features;
  product.column_step = 1;
  product.bias = bias;
  product.output = output;
  return product;
}

void run_input_gradient(const DenseGeometry& g, const float* grad_output, const float* weight,
                        bool accumulate, const float* relu_output, int threads, float* scratch,
                        float* grad_input) {
  DenseProduct product = {};
  product.input = grad_output;
  product.rows = g.batch;
  product.input_step = product.depth = g.out_features;
  product.weight = weight;
  product.k_step = 1;
  product.column_step = g.out_features;
  product.columns = product.output_step = g.in_features;
  product.accumulate = accumulate;
  product.output = grad_input;
  run_products({product}, {false, relu_output}, threads, scratch);
}

void run_weight_gradient(const DenseGeometry& g, const WeightGradientArguments& a) {
  const DenseGradientKernels& kernels = *a.kernels->dense;
  if (a.grad_weight && g.batch == 0 && !a.accumulate) {
    std::fill_n(a.grad_weight, g.in_features * g.out_features, 0.0f);
  }
  if (a.grad_weight && g.batch > 0) {
    DenseWeightGradients gradients;
    gradients.first.input = a.x;
    gradients.first.rows = g.batch;
    gradients.first.input_step = gradients.inputs = g.in_features;
    gradients.first.grad_output = a.grad_output;
    gradients.first.columns = g.out_features;
    gradients.first.accumulate = a.accumulate;
    gradients.first.gradient = a.grad_weight;
    run_weight_gradients(kernels, gradients, a.threads, a.scratch);
  }
  if (a.grad_bias) {
    float* sums = a.scratch + a.threads * kDenseScratchFloats;
    std::fill_n(sums, bias_sums_floats(g.out_features), 0.0f);
    kernels.add_bias_gradient(a.grad_output, 1, g.batch, g.out_features, sums);
    kernels.reduce_bias_gradient(sums, 1, 0, g.out_features, a.accumulate, a.grad_bias);
  }
}

class BoundDense final : public BoundOp {
 public:
  BoundDense(const DenseGeometry& geometry, bool bias, bool relu)
      : geometry_(geometry), bias_(bias), relu_(relu) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_slices = false;
    traits.backward_reads_output = relu_;
    traits.changes_grad_output = relu_;
    traits.applies_relu_mask = true;
    return traits;
  }

  int64_t packed_floats() const override {
    return dense_panels_floats(geometry_.in_features, geometry_.out_features);
  }
  void pack_weights(const float* const* parameters, const float* const*, int threads,
                    float* packed) const override {
    const DenseKernels& kernels = CNNX_KERNELS(dense_kernels);
    const DenseProduct product =
        forward_product(geometry_, nullptr, parameters[0], nullptr, nullptr);
    const int64_t grain = kGrainPacked / (product.depth * kernels.block_columns) + 1;
    runtime::parallel_for(threads, kernels.blocks(product.columns), grain,
                          [&](int64_t begin, int64_t end, int) {
                            DenseProduct share = product;
                            share.first_block = begin;
                            share.last_block = end;
                            kernels.pack(share, packed);
                          });
  }
  int64_t multiply_adds() const override {
    return geometry_.batch * geometry_.in_features * geometry_.out_features;
  }
  int64_t scratch_floats(int threads) const override {
    return ops::scratch_floats(geometry_, threads);
  }
  int64_t backward_scratch_floats(int threads) const override {
    return ops::scratch_floats(geometry_, threads);
  }

  void forward(const ForwardArguments& a) const override {
    DenseProduct product = forward_product(geometry_, a.inputs[0], a.parameters[0],
                                           bias_ ? a.parameters[1] : nullptr, a.output);
    product.panels = a.packed;
    product.last_columns_first = a.weights_end_is_cached;
    run_products({product}, {relu_, nullptr}, a.threads, a.scratch);
  }
  void backward(const BackwardArguments& a) const override {
    const DenseGeometry& g = geometry_;
    if (relu_ && !a.grad_output_relu_masked)
      relu_gradient(a.grad_output, a.output, g.batch * g.out_features, a.threads);
    run_weight_gradient(
        g, {a.kernels, a.inputs[0], a.grad_output, a.accumulate_parameters, a.threads, a.scratch,
            a.grad_parameters[0], bias_ ? a.grad_parameters[1] : nullptr});
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    run_input_gradient(g, a.grad_output, a.parameters[0], gradient.accumulate,
                       gradient.relu_masked ? a.inputs[0] : nullptr, a.threads, a.scratch,
                       gradient.values);
  }

 private:
  DenseGeometry geometry_;
  bool bias_, relu_;
};

class DenseOp final : public Op {
 public:
  DenseOp(int64_t out_features, bool bias, bool int8_weight)
      : out_features_(out_features), bias_(bias), int8_weight_(int8_weight) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    std::vector<ParameterSpec> specs = {
        {"weight", weight, int8_weight_ ? 0 : weight[0], 0.0f, int8_weight_}};
    if (bias_) specs.push_back({"bias", {out_features_}, 0});
    return specs;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return bind_fused(input, {});
  }
  bool can_fuse(Fusable successor, const Shape&) const override {
    return successor == Fusable::relu;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const DenseGeometry g = geometry(input);
    if (!fusion.bfloat16) return std::make_unique<BoundDense>(g, bias_, fusion.relu);
    const Conv2dGeometry of_one_row =
        conv2d_geometry({1, 1, g.batch, g.in_features}, {1, 1, g.in_features, g.out_features});
    return bind_bfloat16_convolution(of_one_row, bias_, fusion);
  }
  bool runs_in_bfloat16(const Shape&) const override { return !int8_weight_; }
  bool has_float_output() const override { return true; }
  void check_weight(const Shape& input, const Shape& weight) const override {
    dense_geometry(input, weight);
  }
  std::vector<ParameterSpec> buffers(const Shape&) const override {
    return int8_weight_ ? weight_scale(out_features_) : std::vector<ParameterSpec>();
  }
  bool reads_bytes(const std::vector<Shape>& inputs) const override {
    return int8_weight_ && sums_fit(geometry(inputs[0]).in_features);
  }
  bool can_fuse_in_bytes(Fusable successor) const override { return is_fused_in_bytes(successor); }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    const DenseGeometry g = geometry(inputs[0]);
    const Conv2dGeometry of_one_pixel =
        conv2d_geometry({g.batch, 1, 1, g.in_features}, {1, 1, g.in_features, g.out_features});
    return {bind_quantized_convolution(of_one_pixel, bias_, formats, fusion), {}};
  }

 private:
  DenseGeometry geometry(const Shape& input) const {
    return dense_geometry(input, {input.size() == 2 ? input[1] : 1, out_features_});
  }

  int64_t out_features_;
  bool bias_, int8_weight_;
};

[[noreturn]] void refuse_dense(const char* argument, const Shape& came,
                               const std::string& expected) {
  refuse_shape("dense", argument, came, expected);
}

std::unique_ptr<const Op> make_dense(const CheckedSettings& settings) {
  return std::make_unique<DenseOp>(settings.integer("out_features"), settings.boolean("bias"),
                                   settings.boolean("int8_weight"));
}

constexpr SettingInfo kDenseSettings[] = {
    integer("out_features", 1, "number of outputs"),
    boolean("bias", "whether a number is added per output").otherwise(true),
    kInt8Weight,
};
constexpr LayerArray kDenseParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kDenseLayers[] = {
    LayerDescription("dense", "fully connected layer: x * weight + bias", make_dense)
        .with_settings(kDenseSettings)
        .with_parameters(kDenseParameters)
        .with_buffers(kWeightScale),
};

}  // namespace

ConstantArray<LayerDescription> dense_layers() { return kDenseLayers; }

}  // namespace ops

DenseGeometry dense_geometry(const Shape& x, const Shape& weight) {
  if (x.size() == 4) ops::refuse_dense("x", x, "(batch, in_features): put Flatten before it");
  if (x.size() != 2) ops::refuse_dense("x", x, "(batch, in_features)");
  if (x[0] < 0 || x[1] < 1) ops::refuse_dense("x", x, "at least one feature");
  if (weight.size() != 2) ops::refuse_dense("weight", weight, "(in_features, out_features)");
  if (weight[0] != x[1]) {
    ops::refuse_dense("weight", weight, "in_features = " + std::to_string(x[1]) + " in axis 0");
  }
  if (weight[1] < 1) ops::refuse_dense("weight", weight, "at least one feature in axis 1");
  const Shape output = {x[0], weight[1]};
  for (const Shape& shape : {x, weight, output}) {
    if (element_count(shape) > ops::kMostElements) ops::refuse_dense("x", x, "fewer elements");
  }
  return {x[0], x[1], weight[1]};
}

void dense(const DenseGeometry& geometry, const float* x, const float* weight, const float* bias,
           float* output) {
  ops::call_forward(ops::BoundDense(geometry, bias != nullptr, /*relu=*/false),
                    {x, weight, bias, output});
}

void dense_backward(const DenseGeometry& geometry, const float* grad_output, const float* x,
                    const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                    bool accumulate) {
  ops::call_backward(ops::BoundDense(geometry, /*bias=*/true, /*relu=*/false),
                     {grad_output, x, weight, grad_input, grad_weight, grad_bias, accumulate});
}

}  // namespace cnnx
