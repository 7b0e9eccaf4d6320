// pad2d: the layer kind, which pads an image with pixels of its own.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/add.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

constexpr const char* kPad2dName = "pad2d";

// One axis of an image, padded.
struct PaddedAxis {
  int64_t before, size, after;
  bool reflect;

  int64_t padded() const { return before + size + after; }
  // The pixel that a position of the padded image repeats.
  int64_t source(int64_t position) const {
    const int64_t place = position - before, last = size - 1;
    if (place < 0) return reflect ? -place : 0;
    if (place > last) return reflect ? 2 * last - place : last;
    return place;
  }
  // Calls body(position) for every position in the padding, in ascending order.
  template <class Body>
  void for_padding(const Body& body) const {
    for (int64_t i = 0; i < before; ++i) body(i);
    for (int64_t i = before + size; i < padded(); ++i) body(i);
  }
};

struct PaddedImages {
  int64_t batch, channels;
  PaddedAxis rows, columns;

  int64_t in_row() const { return columns.size * channels; }
  int64_t out_row() const { return columns.padded() * channels; }
};

void run_pad2d(const PaddedImages& p, const float* x, int threads, float* output) {
  parallel_for_rows(
      threads, p.batch, p.rows.padded(), 2 * p.out_row(),
      [&](int64_t image, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const float* const source = x + (image * p.rows.size + p.rows.source(row)) * p.in_row();
          float* const target = output + (image * p.rows.padded() + row) * p.out_row();
          std::copy_n(source, p.in_row(), target + p.columns.before * p.channels);
          p.columns.for_padding([&](int64_t column) {
            std::copy_n(source + p.columns.source(column) * p.channels, p.channels,
                        target + column * p.channels);
          });
        }
      });
}

// A pixel's gradient is the sum over the positions that repeat it: rows in the order of the padded
// image except that the row of the image itself is first, and columns likewise.
void run_pad2d_backward(const PaddedImages& p, const GradientKernels&, const float* grad_output,
                        int threads, bool accumulate, float* grad_input) {
  const auto add = CNNX_KERNELS(add_kernels).add;
  parallel_for_rows(threads, p.batch, p.rows.size, 2 * p.out_row() * p.rows.padded() / p.rows.size,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      for (int64_t row = begin; row < end; ++row) {
                        float* const target = grad_input + (image * p.rows.size + row) * p.in_row();
                        const auto add_row = [&](int64_t padded_row, bool overwrite) {
                          const float* const source =
                              grad_output + (image * p.rows.padded() + padded_row) * p.out_row();
                          const float* const inside = source + p.columns.before * p.channels;
                          if (overwrite) {
                            std::copy_n(inside, p.in_row(), target);
                          } else {
                            add(target, inside, p.in_row(), false, target);
                          }
                          p.columns.for_padding([&](int64_t column) {
                            float* const pixel = target + p.columns.source(column) * p.channels;
                            add(pixel, source + column * p.channels, p.channels, false, pixel);
                          });
                        };
                        add_row(p.rows.before + row, !accumulate);
                        p.rows.for_padding([&](int64_t padded_row) {
                          if (p.rows.source(padded_row) == row) add_row(padded_row, false);
                        });
                      }
                    });
}

void check_side(const char* side, int64_t padding, const char* axis, int64_t size, bool reflect) {
  const int64_t most = reflect ? size - 1 : kMostSetting;
  if (padding >= 0 && padding <= most) return;
  throw std::invalid_argument(
      std::string(kPad2dName) + ": padding at the " + side + " is " + std::to_string(padding) +
      ", expected 0 to " + std::to_string(most) +
      (reflect ? std::string(", less than the image's ") + axis + ", " + std::to_string(size)
               : std::string()));
}

class Pad2dOp final : public Op {
 public:
  Pad2dOp(const Padding& padding, bool reflect) : padding_(padding), reflect_(reflect) {}
  Shape output_shape(const Shape& input) const override {
    check_image_shape(kPad2dName, input);
    check_side("top", padding_.top, "height", input[1], reflect_);
    check_side("bottom", padding_.bottom, "height", input[1], reflect_);
    check_side("left", padding_.left, "width", input[2], reflect_);
    check_side("right", padding_.right, "width", input[2], reflect_);
    const PaddedImages padded = padded_of(input);
    return checked_output(
        kPad2dName, {input[0], padded.rows.padded(), padded.columns.padded(), padded.channels});
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    output_shape(input);
    return std::make_unique<BoundLinearMap<float, PaddedImages, run_pad2d, run_pad2d_backward>>(
        padded_of(input));
  }

 private:
  PaddedImages padded_of(const Shape& x) const {
    return {x[0],
            x[3],
            {padding_.top, x[1], padding_.bottom, reflect_},
            {padding_.left, x[2], padding_.right, reflect_}};
  }

  Padding padding_;
  bool reflect_;
};

constexpr const char* kPad2dModes[] = {"reflect", "edge"};

std::unique_ptr<const Op> make_pad2d(const CheckedSettings& settings) {
  return std::make_unique<Pad2dOp>(settings.padding("padding"),
                                   settings.choice("mode") == kPad2dModes[0]);
}

constexpr SettingInfo kPad2dSettings[] = {
    sides("padding", "pixels around the image"),
    choice("mode", kPad2dModes, "mirrors the image at its edge, or repeats the edge").otherwise(0),
};
constexpr LayerDescription kPad2dLayers[] = {
    LayerDescription(kPad2dName, "an image padded with its own pixels", make_pad2d)
        .with_settings(kPad2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> pad2d_layers() { return kPad2dLayers; }

}  // namespace cnnx::ops
