// slice_channels and input_part: the layer kinds, some successive channels or numbers of an image.
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
constexpr const char* kInputPartName = "input_part";
constexpr float kMostInputNumbers = 0x1p40f;  // as an input may have

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

class SliceChannelsOp final
    : public CopyOp<ChannelSlice, BoundSliceChannels, run_slice_channels<uint8_t>> {
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

 private:
  ChannelSlice geometry_of(const Shape& input) const override {
    return {rows_of_channels(input), input.back(), start_, output_shape(input).back()};
  }

  int64_t start_, stop_;
};

// The numbers of an image are the channels of one row.
class InputPartOp final : public ElementsOp {
 public:
  InputPartOp(int64_t offset, Pair size, int64_t channels)
      : offset_(offset), shape_{size.height, size.width, channels} {}
  Shape output_shape(const Shape& input) const override {
    const int64_t numbers = numbers_of(input);
    int64_t end = 1;
    bool fits = true;
    for (const int64_t size : shape_) fits = fits && !__builtin_mul_overflow(end, size, &end);
    fits = fits && !__builtin_add_overflow(end, offset_, &end) && end <= numbers;
    if (!fits) {
      throw std::invalid_argument(std::string(kInputPartName) + ": offset is " +
                                  std::to_string(offset_) + " and the part has shape " +
                                  to_string(shape_) + ", expected a part of the " +
                                  std::to_string(numbers) + " numbers of the input");
    }
    return {input[0], shape_[0], shape_[1], shape_[2]};
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundSliceChannels>(
        fusion, ChannelSlice{input[0], numbers_of(input), offset_, element_count(shape_)});
  }

 private:
  static int64_t numbers_of(const Shape& input) {
    return element_count(Shape(input.begin() + 1, input.end()));
  }

  int64_t offset_;
  Shape shape_;
};

std::unique_ptr<const Op> make_slice_channels(const CheckedSettings& settings) {
  return std::make_unique<SliceChannelsOp>(settings.integer("start"), settings.integer("stop"));
}

std::unique_ptr<const Op> make_input_part(const CheckedSettings& settings) {
  return std::make_unique<InputPartOp>(settings.integer("offset"), settings.pair("size"),
                                       settings.integer("channels"));
}

constexpr SettingInfo kSliceChannelsSettings[] = {
    integer("start", 0, "first channel"),
    integer("stop", 1, "end of the channels, not included"),
};
constexpr SettingInfo kInputPartSettings[] = {
    integer("offset", 0, "first number of the part in the input").to(kMostInputNumbers),
    pair("size", 1, "height and width of the part"),
    integer("channels", 1, "channels of the part"),
};
constexpr LayerDescription kSliceChannelsLayers[] = {
    LayerDescription(kSliceChannelsName, "some successive channels", make_slice_channels)
        .with_settings(kSliceChannelsSettings),
    LayerDescription(kInputPartName, "one of several images that an input holds", make_input_part)
        .with_settings(kInputPartSettings),
};

}  // namespace

ConstantArray<LayerDescription> slice_channels_layers() { return kSliceChannelsLayers; }

}  // namespace cnnx::ops
