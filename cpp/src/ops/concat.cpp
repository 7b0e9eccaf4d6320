// concat: the layer kind, arrays side by side along the last axis, the channels.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/byte_function.h"
#include "ops/elements.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

template <class Element>
class BoundConcat final : public BoundOp {
 public:
  BoundConcat(int64_t rows, std::vector<int64_t> widths) : rows_(rows), widths_(std::move(widths)) {
    for (const int64_t width : widths_) width_ += width;
  }
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    for_rows(a.threads, [&](std::size_t input, int64_t row, int64_t column) {
      const int64_t width = widths_[input];
      std::copy_n(elements_of<Element>(a.inputs[input]) + row * width, width,
                  elements_of<Element>(a.output) + row * width_ + column);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const auto add = sum_kernel<Element>();
    for_rows(a.threads, [&](std::size_t input, int64_t row, int64_t column) {
      const InputGradient& gradient = a.grad_inputs[input];
      if (!gradient.values) return;
      const int64_t width = widths_[input];
      const Element* const from = elements_of<Element>(a.grad_output) + row * width_ + column;
      Element* const to = elements_of<Element>(gradient.values) + row * width;
      if (gradient.accumulate) {
        add(to, from, width, false, to);
      } else {
        std::copy_n(from, width, to);
      }
    });
  }

 private:
  // Calls body(input, row, its column in the output).
  template <class Body>
  void for_rows(int threads, const Body& body) const {
    runtime::parallel_for(threads, rows_, runtime::kGrainElements / (width_ + 1) + 1,
                          [&](int64_t begin, int64_t end, int) {
                            int64_t column = 0;
                            for (std::size_t input = 0; input < widths_.size(); ++input) {
                              for (int64_t row = begin; row < end; ++row) body(input, row, column);
                              column += widths_[input];
                            }
                          });
  }

  int64_t rows_;
  std::vector<int64_t> widths_;
  int64_t width_ = 0;
};

class ConcatOp final : public MergeOp {
 public:
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    Shape merged = inputs[0];
    if (!merged.empty()) merged.back() = 0;
    for (const Shape& input : inputs) {
      const bool fits = input.size() == merged.size() && input.size() >= 2 &&
                        std::equal(merged.begin(), merged.end() - 1, input.begin());
      if (!fits) {
        throw std::invalid_argument("concat: its inputs have shapes " + to_string(inputs[0]) +
                                    " and " + to_string(input) +
                                    ", expected equal ones but for the last axis");
      }
      merged.back() += input.back();
    }
    return merged;
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion& fusion) const override {
    return bind_elements<BoundConcat>(fusion, rows_of_channels(inputs[0]), widths_of(inputs));
  }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return bind_quantized_concat(rows_of_channels(inputs[0]), widths_of(inputs), formats, fusion);
  }

 private:
  static std::vector<int64_t> widths_of(const std::vector<Shape>& inputs) {
    std::vector<int64_t> widths;
    widths.reserve(inputs.size());
    for (const Shape& input : inputs) widths.push_back(input.back());
    return widths;
  }
};

std::unique_ptr<const Op> make_concat(const CheckedSettings&) {
  return std::make_unique<ConcatOp>();
}

constexpr LayerDescription kConcatLayers[] = {
    LayerDescription("concat", "its inputs side by side along the last axis", make_concat)
        .with_inputs(2, kMostInputs),
};

}  // namespace

ConstantArray<LayerDescription> concat_layers() { return kConcatLayers; }

}  // namespace cnnx::ops
