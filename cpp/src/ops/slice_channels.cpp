// slice_channels: the layer kind, some successive channels.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"

namespace cnnx::ops {
namespace {

constexpr const char* kSliceChannelsName = "slice_channels";

struct ChannelSlice {
  int64_t rows, channels, start, count;
};

template <class Element>
void run_slice_channels(const ChannelSlice& s, const Element* x, int threads, Element* output) {
  parallel_for_rows(threads, 1, s.rows, 2 * s.count, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::copy_n(x + row * s.channels + s.start, s.count, output + row * s.count);
  });
}

template <class Element>
void run_slice_channels_backward(const ChannelSlice& s, const GradientKernels&,
                                 const Element* grad_output, int threads, bool accumulate,
                                 Element* grad_input) {
  const auto add = sum_kernel<Element>();
  const int64_t rest = s.channels - s.start - s.count;
  parallel_for_rows(threads, 1, s.rows, s.channels, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Element* const source = grad_output + row * s.count;
      Element* const target = grad_input + row * s.channels;
      Element* const inside = target + s.start;
      if (accumulate) {
        add(inside, source, s.count, false, inside);
      } else {
        std::fill_n(target, s.start, Element{0});
        std::copy_n(source, s.count, inside);
        std::fill_n(inside + s.count, rest, Element{0});
      }
    }
  });
}

template <class Element>
using BoundSliceChannels = BoundLinearMap<Element, ChannelSlice, run_slice_channels<Element>,
                                          run_slice_channels_backward<Element>>;

class SliceChannelsOp final : public ElementsOp {
 public:
  SliceChannelsOp(int64_t start, int64_t stop) : start_(start), stop_(stop) {}
  Shape output_shape(const Shape& input) const override {
    check_channels(kSliceChannelsName, input);
    if (start_ < 0 || start_ >= stop_ || stop_ > input.back()) {
      throw std::invalid_argument(std::string(kSliceChannelsName) + ": start is " +
                                  std::to_string(start_) + " and stop is " + std::to_string(stop_) +
                                  ", expected 0 <= start < stop <= " +
                                  std::to_string(input.back()) + ", the number of channels");
    }
    Shape output = input;
    output.back() = stop_ - start_;
    return output;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundSliceChannels>(fusion, slice_of(input));
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {std::make_unique<BoundByteCopy<ChannelSlice, run_slice_channels<uint8_t>>>(
                slice_of(inputs[0])),
            formats[0]};
  }

 private:
  ChannelSlice slice_of(const Shape& input) const {
    return {rows_of_channels(input), input.back(), start_, output_shape(input).back()};
  }

  int64_t start_, stop_;
};

std::unique_ptr<const Op> make_slice_channels(const CheckedSettings& settings) {
  return std::make_unique<SliceChannelsOp>(settings.integer("start"), settings.integer("stop"));
}

constexpr SettingInfo kSliceChannelsSettings[] = {
    integer("start", 0, "first channel"),
    integer("stop", 1, "end of the channels, not included"),
};
constexpr LayerDescription kSliceChannelsLayers[] = {
    LayerDescription(kSliceChannelsName, "some successive channels", make_slice_channels)
        .with_settings(kSliceChannelsSettings),
};

}  // namespace

ConstantArray<LayerDescription> slice_channels_layers() { return kSliceChannelsLayers; }

}  // namespace cnnx::ops
