// Tables are computed by the kernels of the instruction set baseline, so they are the same on every
// CPU.
#include "ops/byte_function.h"

#include <algorithm>
#include <cstring>

#include "kernels/quantize.h"
#include "ops/quantization.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Looked up in about 20 microseconds.
constexpr int64_t kLookupGrain = 64 * 1024;

std::array<uint8_t, 256> every_byte() {
  std::array<uint8_t, 256> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

std::array<uint8_t, 256> nearest_bytes(const std::array<float, 256>& values,
                                       const Quantization& format) {
  std::array<uint8_t, 256> bytes;
  baseline::quantize_kernels.to_bytes(values.data(), 256, scale_of(format), bytes.data());
  return bytes;
}

// Whether each number is one that bytes stand for.
bool has_all(const Quantization& format, const std::array<float, 256>& values) {
  const std::array<uint8_t, 256> nearest = nearest_bytes(values, format);
  const std::array<float, 256> all = values_of_bytes(format);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != all[nearest[i]]) return false;
  }
  return true;
}

class BoundByteFunction final : public InferenceOp {
 public:
  BoundByteFunction(const ByteFunction& function, int64_t count)
      : function_(function), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (function_.output()) traits.runs_in_place = InputSet::all();
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    runtime::parallel_for(a.threads, count_, kLookupGrain, [&](int64_t begin, int64_t end, int) {
      function_.apply(bytes_of(a.inputs[0]) + begin, end - begin, a.output, begin);
    });
  }

 private:
  ByteFunction function_;
  int64_t count_;
};

// The bytes of the inputs in one format, or else floats.
std::vector<ByteFunction> in_one_format(const std::vector<Quantization>& inputs,
                                        const Fusion& fusion) {
  const bool one_format = std::all_of(
      inputs.begin(), inputs.end(), [&](const Quantization& input) { return input == inputs[0]; });
  const Format output = fusion.quantize ? Format(*fusion.quantize->quantization())
                        : one_format    ? Format(inputs[0])
                                        : Format();
  std::vector<ByteFunction> functions;
  functions.reserve(inputs.size());
  for (const Quantization& input : inputs) functions.emplace_back(values_of_bytes(input), output);
  return functions;
}

class QuantizedConcat final : public InferenceOp {
 public:
  QuantizedConcat(int64_t rows, const std::vector<int64_t>& widths,
                  const std::vector<ByteFunction>& functions)
      : rows_(rows), widths_(widths), functions_(functions) {
    for (const int64_t width : widths) width_ += width;
  }
  void forward(const ForwardArguments& a) const override {
    runtime::parallel_for(a.threads, rows_, kLookupGrain / (width_ + 1) + 1,
                          [&](int64_t begin, int64_t end, int) {
                            int64_t column = 0;
                            for (std::size_t input = 0; input < widths_.size(); ++input) {
                              const int64_t width = widths_[input];
                              for (int64_t row = begin; row < end; ++row) {
                                functions_[input].apply(bytes_of(a.inputs[input]) + row * width,
                                                        width, a.output, row * width_ + column);
                              }
                              column += width;
                            }
                          });
  }

 private:
  int64_t rows_;
  std::vector<int64_t> widths_;
  int64_t width_ = 0;
  std::vector<ByteFunction> functions_;
};

// A quantize layer keeps the order of numbers, so the largest of the rounded ones is the rounded
// largest.
class QuantizedMaximum final : public InferenceOp {
 public:
  QuantizedMaximum(const std::vector<ByteFunction>& functions, int64_t count)
      : functions_(functions), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    // The first input's values overwrite the output before the others are read.
    if (functions_[0].output()) traits.runs_in_place = InputSet::only(0);
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    runtime::parallel_for(a.threads, count_, kLookupGrain, [&](int64_t begin, int64_t end, int) {
      if (functions_[0].output()) {
        run(a, begin, end, bytes_of(a.output));
      } else {
        run(a, begin, end, a.output);
      }
    });
  }

 private:
  static constexpr int64_t kPiece = 1024;

  template <class Element>
  void run(const ForwardArguments& a, int64_t begin, int64_t end, Element* output) const {
    alignas(64) float piece[kPiece];
    auto* const values = reinterpret_cast<Element*>(piece);
    for (int64_t count; begin < end; begin += count) {
      count = std::min(kPiece, end - begin);
      functions_[0].apply(bytes_of(a.inputs[0]) + begin, count, a.output, begin);
      Element* const target = output + begin;
      for (std::size_t input = 1; input < functions_.size(); ++input) {
        functions_[input].apply(bytes_of(a.inputs[input]) + begin, count, piece, 0);
        for (int64_t i = 0; i < count; ++i) target[i] = std::max(target[i], values[i]);
      }
    }
  }

  std::vector<ByteFunction> functions_;
  int64_t count_;
};

}  // namespace

std::array<float, 256> values_of_bytes(const Quantization& format) {
  std::array<float, 256> values;
  baseline::quantize_kernels.to_floats(every_byte().data(), 256, scale_of(format), values.data());
  return values;
}

ByteFunction::ByteFunction(const std::array<float, 256>& values, const Format& output)
    : values_(values), output_(output) {
  if (!output) return;
  bytes_ = nearest_bytes(values, *output);
  copies_ = bytes_ == every_byte();
}

void ByteFunction::apply(const uint8_t* x, int64_t count, float* output,
                         int64_t first_element) const {
  if (!output_) {
    float* const target = output + first_element;
    for (int64_t i = 0; i < count; ++i) target[i] = values_[x[i]];
    return;
  }
  uint8_t* const target = bytes_of(output) + first_element;
  if (copies_) {
    if (target != x) std::memcpy(target, x, static_cast<std::size_t>(count));
    return;
  }
  for (int64_t i = 0; i < count; ++i) target[i] = bytes_[x[i]];
}

BoundToBytes bind_byte_function(const std::array<float, 256>& values, int64_t count,
                                const Quantization& input, const Fusion& fusion) {
  const Format output = fusion.quantize          ? Format(*fusion.quantize->quantization())
                        : has_all(input, values) ? Format(input)
                                                 : Format();
  return {std::make_unique<BoundByteFunction>(ByteFunction(values, output), count), output};
}

BoundToBytes bind_quantized_concat(int64_t rows, const std::vector<int64_t>& widths,
                                   const std::vector<Quantization>& inputs, const Fusion& fusion) {
  const std::vector<ByteFunction> functions = in_one_format(inputs, fusion);
  return {std::make_unique<QuantizedConcat>(rows, widths, functions), functions[0].output()};
}

BoundToBytes bind_quantized_maximum(int64_t count, const std::vector<Quantization>& inputs,
                                    const Fusion& fusion) {
  const std::vector<ByteFunction> functions = in_one_format(inputs, fusion);
  return {std::make_unique<QuantizedMaximum>(functions, count), functions[0].output()};
}

}  // namespace cnnx::ops
