// depth_to_space and space_to_depth: the layer kinds, which move blocks of pixels to channels and
// back. Each is the other's gradient.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"

namespace cnnx::ops {
namespace {

// A wide image (batch, height * block, width * block, channels) and a deep image (batch, height,
// width, block * block * channels). Pixel (u, v) of a block and channel c are the deep channel
// (u * block + v) * channels + c, or with `channels_first` c * block * block + u * block + v.
struct Blocks {
  int64_t batch, height, width, channels, block;
  bool channels_first;

  int64_t deep_channels() const { return block * block * channels; }
  Shape wide() const { return {batch, height * block, width * block, channels}; }
  Shape deep() const { return {batch, height, width, deep_channels()}; }
};

// Calls body(offset in the wide image, offset in the deep image, step in the deep image, count) for
// runs of floats, which are adjacent in the wide image.
template <class Body>
void for_runs(const Blocks& b, int threads, const Body& body) {
  const int64_t rows = b.height * b.block, row_floats = b.width * b.block * b.channels;
  parallel_for_rows(
      threads, b.batch, rows, 2 * row_floats, [&](int64_t image, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t deep_row = image * b.height + row / b.block, u = row % b.block;
          int64_t wide = (image * rows + row) * row_floats;
          for (int64_t column = 0; column < b.width; ++column) {
            const int64_t deep = (deep_row * b.width + column) * b.deep_channels();
            if (!b.channels_first) {
              const int64_t count = b.block * b.channels;
              body(wide, deep + u * count, 1, count);
              wide += count;
              continue;
            }
            for (int64_t v = 0; v < b.block; ++v, wide += b.channels)
              body(wide, deep + u * b.block + v, b.block * b.block, b.channels);
          }
        }
      });
}

template <class Element>
Element sum_of(Element a, Element b) {
  if constexpr (std::is_same_v<Element, uint16_t>) {
    sum_kernel<uint16_t>()(&a, &b, 1, false, &a);
    return a;
  } else {
    return static_cast<Element>(a + b);
  }
}

template <bool to_depth, class Element>
void rearrange(const Blocks& b, const Element* x, int threads, bool accumulate, Element* output) {
  for_runs(b, threads, [&](int64_t wide, int64_t deep, int64_t deep_step, int64_t count) {
    const Element* const source = x + (to_depth ? wide : deep);
    Element* const target = output + (to_depth ? deep : wide);
    const int64_t source_step = to_depth ? 1 : deep_step, target_step = to_depth ? deep_step : 1;
    if (deep_step == 1 && !accumulate) {
      std::copy_n(source, count, target);
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      Element* const each = target + i * target_step;
      const Element value = source[i * source_step];
      *each = accumulate ? sum_of(*each, value) : value;
    }
  });
}

template <bool to_depth, class Element>
void run_depth_to_space(const Blocks& b, const Element* x, int threads, Element* output) {
  rearrange<to_depth>(b, x, threads, false, output);
}

template <bool to_depth, class Element>
void run_depth_to_space_backward(const Blocks& b, const GradientKernels&,
                                 const Element* grad_output, int threads, bool accumulate,
                                 Element* grad_input) {
  rearrange<!to_depth>(b, grad_output, threads, accumulate, grad_input);
}

template <bool to_depth>
struct Rearranged {
  template <class Element>
  using Bound = BoundLinearMap<Element, Blocks, run_depth_to_space<to_depth, Element>,
                               run_depth_to_space_backward<to_depth, Element>>;
};

constexpr const char* kDepthToSpaceModes[] = {"DCR", "CRD"};

template <bool to_depth>
class RearrangeOp final : public CopyOp<Blocks, Rearranged<to_depth>::template Bound,
                                        run_depth_to_space<to_depth, uint8_t>> {
 public:
  RearrangeOp(const char* name, int64_t block_size, bool channels_first)
      : name_(name), block_(block_size), channels_first_(channels_first) {}

  Shape output_shape(const Shape& input) const override {
    const Blocks blocks = geometry_of(input);
    return to_depth ? blocks.deep() : blocks.wide();
  }

 private:
  Blocks geometry_of(const Shape& x) const override {
    check_image_shape(name_, x);
    if (block_ < 1 || block_ > kMostSetting) {
      throw std::invalid_argument(std::string(name_) + ": block_size is " + std::to_string(block_) +
                                  ", expected 1 to " + std::to_string(kMostSetting));
    }
    const int64_t square = block_ * block_;
    const bool fits = to_depth ? x[1] % block_ == 0 && x[2] % block_ == 0 : x[3] % square == 0;
    if (!fits) {
      throw std::invalid_argument(
          std::string(name_) + ": x has shape " + to_string(x) + ", expected " +
          (to_depth ? "height and width that block_size = " + std::to_string(block_) + " divides"
                    : "channels that block_size^2 = " + std::to_string(square) + " divides"));
    }
    const Blocks blocks =
        to_depth ? Blocks{x[0], x[1] / block_, x[2] / block_, x[3], block_, channels_first_}
                 : Blocks{x[0], x[1], x[2], x[3] / square, block_, channels_first_};
    return blocks;
  }

  const char* name_;
  int64_t block_;
  bool channels_first_;
};

template <bool to_depth>
std::unique_ptr<const Op> make_rearrange(const CheckedSettings& settings) {
  return std::make_unique<RearrangeOp<to_depth>>(settings.kind().name,
                                                 settings.integer("block_size"),
                                                 settings.choice("mode") == kDepthToSpaceModes[1]);
}

constexpr SettingInfo kDepthToSpaceSettings[] = {
    integer("block_size", 1, "height and width of a block"),
    choice("mode", kDepthToSpaceModes,
           "order of the many channels: row, column, channel, or channel, row, column")
        .otherwise(0),
};
constexpr LayerDescription kDepthToSpaceLayers[] = {
    LayerDescription("depth_to_space", "channels as blocks of pixels", make_rearrange<false>)
        .with_settings(kDepthToSpaceSettings),
    LayerDescription("space_to_depth", "blocks of pixels as channels", make_rearrange<true>)
        .with_settings(kDepthToSpaceSettings),
};

}  // namespace

ConstantArray<LayerDescription> depth_to_space_layers() { return kDepthToSpaceLayers; }

}  // namespace cnnx::ops
