// The division of products into shares, and of a share's columns into blocks of the kernels.
#include "ops/dense_products.h"

#include <algorithm>

#include "kernels/activations.h"
#include "kernels/relu.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Rows of one share if there are more threads than blocks of columns.
constexpr int64_t kLeastRows = 16;
// Rows that are multiplied in the time of fetching a weight.
constexpr int64_t kRowsPerWeight = 7;

// Columns [first, last) of some rows, while they are in a cache.
void finish_columns(const DenseFinish& how, const DenseProduct& share, const float* relu_output,
                    int64_t first, int64_t last) {
  if (!how.relu && !how.relu_output) return;
  const ActivationTable& activations = CNNX_KERNELS(activation_kernels);
  for (int64_t row = 0; row < share.rows; ++row) {
    const int64_t offset = row * share.output_step + first;
    float* const values = share.output + offset;
    if (how.relu) {
      activations.relu(values, last - first, {kNoCeiling}, values);
    } else {
      activations.relu_gradient(values, relu_output + offset, last - first, {kNoCeiling}, false,
                                values);
    }
  }
}

}  // namespace

void run_products(const DenseProducts& products, const DenseFinish& finish, int threads,
                  float* scratch) {
  const DenseProduct& product = products.first;
  if (product.rows == 0 || products.count == 0) return;
  const DenseKernels& kernels = CNNX_KERNELS(dense_kernels);
  const int64_t blocks = kernels.blocks(product.columns);
  const int64_t rows = product.rows;
  const int64_t parts = std::clamp<int64_t>(
      std::min(divide_up(threads, blocks * products.count), rows / kLeastRows), 1, rows);
  // With few rows, fetching the weights dominates.
  const int64_t multiply_adds = std::max(divide_up(rows, parts), kRowsPerWeight) * product.depth *
                                divide_up(product.columns, blocks);
  const auto multiply_share = [&](int64_t begin, int64_t end, int index) {
    DenseProduct share = product;
    share.scratch = scratch + index * kDenseScratchFloats;
    while (begin < end) {
      const int64_t place = begin / (blocks * parts);
      const int64_t part = begin / blocks % parts;
      const int64_t first = rows * part / parts;
      const int64_t first_output = place * products.to_next.output + first * product.output_step;
      share.rows = rows * (part + 1) / parts - first;
      share.input = product.input + place * products.to_next.input + first * product.input_step;
      share.weight = product.weight + place * products.to_next.weight;
      share.output = product.output + first_output;
      share.first_block = begin % blocks;
      share.last_block = std::min(blocks, share.first_block + end - begin);
      kernels.multiply(share);
      finish_columns(finish, share,
                     finish.relu_output ? finish.relu_output + first_output : nullptr,
                     share.first_block * kernels.block_columns,
                     std::min(share.last_block * kernels.block_columns, product.columns));
      begin += share.last_block - share.first_block;
    }
  };
  runtime::parallel_for(threads, products.count * parts * blocks,
                        kGrainMultiplyAdds / multiply_adds + 1, multiply_share);
}

void run_weight_gradients(const DenseGradientKernels& kernels,
                          const DenseWeightGradients& gradients, int threads, float* scratch) {
  const DenseWeightGradient& first = gradients.first;
  const int64_t inputs = gradients.inputs;
  const auto run_inputs = [&](int64_t begin, int64_t end, int slot) {
    DenseWeightGradient share = first;
    share.scratch = scratch + slot * kDenseScratchFloats;
    while (begin < end) {
      const int64_t place = begin / inputs;
      share.first = begin % inputs;
      share.last = std::min(inputs, share.first + end - begin);
      share.input = first.input + place * gradients.to_next.input;
      share.grad_output = first.grad_output + place * gradients.to_next.weight;
      share.gradient = first.gradient + place * gradients.to_next.output;
      kernels.weight_gradient(share);
      begin += share.last - share.first;
    }
  };
  runtime::parallel_for(threads, gradients.count * inputs,
                        kGrainMultiplyAdds / (first.rows * first.columns) + 1, run_inputs);
}

}  // namespace cnnx::ops
