// channel_shuffle: the layer kind, which interleaves the channels of groups.
#include "ops/channel_shuffle.h"

#include <stdexcept>
#include <string>

#include "kernels/channel_shuffle.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

constexpr const char* kChannelShuffleName = "channel_shuffle";

// With fewer rows, threads divide the channels of each group.
constexpr int64_t kFewRows = 64;

// Calls body(offset of the first row, rows) for parts of the work.
template <class Body>
void for_parts(const Shuffle& s, int threads, const Body& body) {
  const int64_t group_channels = s.group_channels;
  if (s.rows >= kFewRows) {
    parallel_for_rows(
        threads, 1, s.rows, 2 * s.channels(), [&](int64_t, int64_t begin, int64_t end) {
          body(begin * s.channels(),
               ShuffledRows{end - begin, s.groups, group_channels, 0, group_channels});
        });
    return;
  }
  parallel_for_rows(
      threads, s.rows, group_channels, 2 * s.groups, [&](int64_t row, int64_t first, int64_t last) {
        body(row * s.channels(), ShuffledRows{1, s.groups, group_channels, first, last});
      });
}

template <class Element>
void run_channel_shuffle(const Shuffle& s, const Element* x, int threads, Element* output) {
  const ChannelShuffleKernels& kernels = CNNX_KERNELS(channel_shuffle_kernels);
  const auto shuffle = by_element<Element>(kernels.shuffle, kernels.bfloat16_shuffle);
  for_parts(s, threads, [&](int64_t offset, const ShuffledRows& rows) {
    shuffle(x + offset, rows, output + offset);
  });
}

void shuffle_bytes(const Shuffle& s, const uint8_t* x, int threads, uint8_t* output) {
  parallel_for_rows(threads, 1, s.rows, s.channels(), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* const source = x + row * s.channels();
      uint8_t* target = output + row * s.channels();
      for (int64_t j = 0; j < s.group_channels; ++j) {
        for (int64_t group = 0; group < s.groups; ++group)
          *target++ = source[group * s.group_channels + j];
      }
    }
  });
}

template <class Element>
void run_channel_shuffle_backward(const Shuffle& s, const GradientKernels& kernels,
                                  const Element* grad_output, int threads, bool accumulate,
                                  Element* grad_input) {
  const auto unshuffle = by_element<Element>(kernels.channel_shuffle->unshuffle,
                                             kernels.channel_shuffle->bfloat16_unshuffle);
  for_parts(s, threads, [&](int64_t offset, const ShuffledRows& rows) {
    unshuffle(grad_output + offset, rows, accumulate, grad_input + offset);
  });
}

template <class Element>
using BoundChannelShuffle = BoundLinearMap<Element, Shuffle, run_channel_shuffle<Element>,
                                           run_channel_shuffle_backward<Element>>;

class ChannelShuffleOp final : public ElementsOp {
 public:
  explicit ChannelShuffleOp(int64_t groups) : groups_(groups) {}
  Shape output_shape(const Shape& input) const override {
    check_channels(kChannelShuffleName, input);
    const int64_t channels = input.back();
    if (groups_ < 1 || channels % groups_ != 0) {
      throw std::invalid_argument(std::string(kChannelShuffleName) + ": groups is " +
                                  std::to_string(groups_) + ", expected a divisor of the " +
                                  std::to_string(channels) + " channels");
    }
    return input;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    output_shape(input);
    return bind_elements<BoundChannelShuffle>(fusion, shuffle_of(input));
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {std::make_unique<BoundByteCopy<Shuffle, shuffle_bytes>>(shuffle_of(inputs[0])),
            formats[0]};
  }

 private:
  Shuffle shuffle_of(const Shape& input) const {
    return {rows_of_channels(input), groups_, input.back() / groups_};
  }

  int64_t groups_;
};

std::unique_ptr<const Op> make_channel_shuffle(const CheckedSettings& settings) {
  return std::make_unique<ChannelShuffleOp>(settings.integer("groups"));
}

constexpr SettingInfo kChannelShuffleSettings[] = {
    integer("groups", 1, "number of groups, a divisor of the channels")};
constexpr LayerDescription kChannelShuffleLayers[] = {
    LayerDescription(kChannelShuffleName, "its channels, those of the groups interleaved",
                     make_channel_shuffle)
        .with_settings(kChannelShuffleSettings),
};

}  // namespace

void shuffle_channels(const Shuffle& shuffle, const float* x, int threads, float* output) {
  run_channel_shuffle(shuffle, x, threads, output);
}

ConstantArray<LayerDescription> channel_shuffle_layers() { return kChannelShuffleLayers; }

}  // namespace cnnx::ops
