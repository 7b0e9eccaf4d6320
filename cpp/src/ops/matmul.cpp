// matmul: the layer kind, the product of the matrices in the rows of two images: row h of the
// first, (width, channels), times row h of the second.
#include <algorithm>
#include <string>
#include <vector>

#include "ops/channel_shuffle.h"
#include "ops/dense_products.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"

namespace cnnx::ops {
namespace {

constexpr const char* kMatMulName = "matmul";

// The matrix that is transposed before the product.
enum class Transposed { none, first, second };
constexpr const char* kTransposed[] = {"none", "first", "second"};

// `count` products of (rows, depth) with (depth, columns).
struct MatMulShape {
  Transposed transposed;
  int64_t count, rows, depth, columns;
};

// Matrices as they lie in memory, one after another.
struct Matrices {
  const float* numbers;
  int64_t rows, columns;
  int64_t floats() const { return rows * columns; }
};

// output = a * b, or a * the transposed b.
void multiply_matrices(int64_t count, const Matrices& a, const Matrices& b, bool transposes_b,
                       const InputGradient& output, int threads, float* scratch) {
  DenseProducts products;
  DenseProduct& first = products.first;
  first.input = a.numbers;
  first.rows = a.rows;
  first.input_step = first.depth = a.columns;
  first.weight = b.numbers;
  first.k_step = transposes_b ? 1 : b.columns;
  first.column_step = transposes_b ? b.columns : 1;
  first.columns = first.output_step = transposes_b ? b.rows : b.columns;
  first.accumulate = output.accumulate;
  first.output = output.values;
  products.count = count;
  products.to_next = {a.floats(), b.floats(), first.rows * first.columns};
  run_products(products, {}, threads, scratch);
}

// output = the transposed a * b.
void multiply_transposed(const DenseGradientKernels& kernels, int64_t count, const Matrices& a,
                         const Matrices& b, const InputGradient& output, int threads,
                         float* scratch) {
  DenseWeightGradients products;
  DenseWeightGradient& first = products.first;
  first.input = a.numbers;
  first.rows = a.rows;
  first.input_step = products.inputs = a.columns;
  first.grad_output = b.numbers;
  first.columns = b.columns;
  first.accumulate = output.accumulate;
  first.gradient = output.values;
  products.count = count;
  products.to_next = {a.floats(), b.floats(), a.columns * b.columns};
  run_weight_gradients(kernels, products, threads, scratch);
}

class BoundMatMul final : public BoundOp {
 public:
  explicit BoundMatMul(const MatMulShape& shape) : shape_(shape) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t multiply_adds() const override {
    return shape_.count * shape_.rows * shape_.depth * shape_.columns;
  }
  // The copies of a transposed first input: a kernel that reads it column by column would save
  // them.
  int64_t scratch_floats(int threads) const override {
    const int64_t copies =
        shape_.transposed == Transposed::first ? shape_.count * shape_.rows * shape_.depth : 0;
    return threads * kDenseScratchFloats + copies;
  }
  int64_t backward_scratch_floats(int threads) const override {
    return threads * kDenseScratchFloats;
  }

  void forward(const ForwardArguments& a) const override {
    Matrices x = {a.inputs[0], shape_.rows, shape_.depth};
    if (shape_.transposed == Transposed::first) {
      float* const copies = a.scratch + a.threads * kDenseScratchFloats;
      shuffle_channels({shape_.count, shape_.depth, shape_.rows}, x.numbers, a.threads, copies);
      x.numbers = copies;
    }
    multiply_matrices(shape_.count, x, second(a.inputs[1]), shape_.transposed == Transposed::second,
                      {a.output}, a.threads, a.scratch);
  }

  void backward(const BackwardArguments& a) const override {
    const Matrices x = first(a.inputs[0]), y = second(a.inputs[1]);
    const Matrices grad = {a.grad_output, shape_.rows, shape_.columns};
    const auto product = [&](const Matrices& left, const Matrices& right, bool transposes_right,
                             const InputGradient& output) {
      if (!output.values) return;
      multiply_matrices(shape_.count, left, right, transposes_right, output, a.threads, a.scratch);
    };
    const auto transposed_product = [&](const Matrices& left, const Matrices& right,
                                        const InputGradient& output) {
      if (!output.values) return;
      multiply_transposed(*a.kernels->dense, shape_.count, left, right, output, a.threads,
                          a.scratch);
    };
    switch (shape_.transposed) {
      case Transposed::none:
        product(grad, y, true, a.grad_inputs[0]);
        transposed_product(x, grad, a.grad_inputs[1]);
        break;
      case Transposed::first:
        product(y, grad, true, a.grad_inputs[0]);
        product(x, grad, false, a.grad_inputs[1]);
        break;
      case Transposed::second:
        product(grad, y, false, a.grad_inputs[0]);
        transposed_product(grad, x, a.grad_inputs[1]);
        break;
    }
  }

 private:
  Matrices first(const float* numbers) const {
    if (shape_.transposed == Transposed::first) return {numbers, shape_.depth, shape_.rows};
    return {numbers, shape_.rows, shape_.depth};
  }
  Matrices second(const float* numbers) const {
    if (shape_.transposed == Transposed::second) return {numbers, shape_.columns, shape_.depth};
    return {numbers, shape_.depth, shape_.columns};
  }
  MatMulShape shape_;
};

class MatMulOp final : public MergeOp {
 public:
  explicit MatMulOp(Transposed transposed) : transposed_(transposed) {}
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    const MatMulShape shape = shape_of(inputs);
    return checked_output(kMatMulName, {inputs[0][0], inputs[0][1], shape.rows, shape.columns});
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion&) const override {
    return std::make_unique<BoundMatMul>(shape_of(inputs));
  }

 private:
  MatMulShape shape_of(const std::vector<Shape>& inputs) const {
    for (const Shape& input : inputs) check_image_shape(kMatMulName, input);
    Shape x = inputs[0], y = inputs[1];
    if (transposed_ == Transposed::first) std::swap(x[2], x[3]);
    if (transposed_ == Transposed::second) std::swap(y[2], y[3]);
    if (x[0] != y[0] || x[1] != y[1] || x[3] != y[2]) {
      const char* const expected[] = {"channels of the first as columns of the second", "columns",
                                      "channels"};
      refuse(kMatMulName, "its inputs have shapes " + to_string(inputs[0]) + " and " +
                              to_string(inputs[1]) + ", expected as many rows, and as many " +
                              expected[static_cast<int>(transposed_)]);
    }
    return {transposed_, x[0] * x[1], x[2], x[3], y[3]};
  }

  Transposed transposed_;
};

std::unique_ptr<const Op> make_matmul(const CheckedSettings& settings) {
  const std::string transposed = settings.choice("transposed");
  const auto* const place = std::find(std::begin(kTransposed), std::end(kTransposed), transposed);
  return std::make_unique<MatMulOp>(static_cast<Transposed>(place - std::begin(kTransposed)));
}

constexpr SettingInfo kMatMulSettings[] = {
    choice("transposed", kTransposed, "which matrix is transposed before the product").otherwise(0),
};
constexpr LayerDescription kMatMulLayers[] = {
    LayerDescription(kMatMulName,
                     "matrix products, of (width, channels) in each row of the first input with "
                     "that of the second",
                     make_matmul)
        .with_settings(kMatMulSettings)
        .with_inputs(2, 2),
};

}  // namespace

ConstantArray<LayerDescription> matmul_layers() { return kMatMulLayers; }

}  // namespace cnnx::ops
