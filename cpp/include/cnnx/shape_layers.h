// The builders of layers that rearrange images: padding, cropping, upsampling, channels to pixels
// and back, other shapes, and arrays beside images. See cnnx/layers.h.
#pragma once

#include <cstdint>
#include <string>

#include "cnnx/layer.h"
#include "cnnx/layer_builder.h"
#include "cnnx/shape.h"
#include "cnnx/upsample2d.h"

namespace cnnx {

// The pixels of a Pad2d.
enum class PadMode { reflect, edge };

// The order of the many channels of DepthToSpace and SpaceToDepth.
enum class BlockMode {
  dcr,  // row, column, channel
  crd,  // channel, row, column
};

inline namespace layers {

class Flatten : public LayerBuilder<Flatten> {
 public:
  Flatten() : LayerBuilder("flatten") {}
};

// The numbers of an image, or features, in the order H, W, C as an image of `size` and `channels`.
class Reshape : public LayerBuilder<Reshape> {
 public:
  Reshape(Pair size, int64_t channels) : LayerBuilder("reshape") {
    set("size", size);
    set("channels", Setting(channels));
  }
};

class ZeroPad2d : public LayerBuilder<ZeroPad2d> {
 public:
  explicit ZeroPad2d(const Padding& padding) : LayerBuilder("zero_pad2d") {
    set("padding", padding);
  }
};

// Padding with the image's own pixels. Reflect: pixel -i is pixel i, and pixel last + i is pixel
// last - i, for padding less than the image. Edge: the first or the last pixel.
class Pad2d : public LayerBuilder<Pad2d> {
 public:
  explicit Pad2d(const Padding& padding) : LayerBuilder("pad2d") {
    set("padding", padding);
    mode(PadMode::reflect);
  }
  Pad2d& mode(PadMode mode) {
    return set("mode", Setting(std::string(mode == PadMode::reflect ? "reflect" : "edge")));
  }
};

// The image without `cropping` rows and columns at its sides; at least one of each stays.
class Crop2d : public LayerBuilder<Crop2d> {
 public:
  explicit Crop2d(const Padding& cropping) : LayerBuilder("crop2d") { set("cropping", cropping); }
};

class Upsample2d : public LayerBuilder<Upsample2d> {
 public:
  explicit Upsample2d(Pair scale_factor = 1) : LayerBuilder("upsample2d") {
    set("scale_factor", scale_factor);
    mode(UpsampleMode::nearest);
  }
  Upsample2d& size(Pair size) { return set("size", size); }  // instead of a factor
  Upsample2d& align_corners(bool align) { return set("align_corners", Setting(align)); }
  Upsample2d& mode(UpsampleMode mode) {
    const bool nearest = mode == UpsampleMode::nearest;
    return set("mode", Setting(std::string(nearest ? "nearest" : "bilinear")));
  }
};

// Channels to blocks of pixels and back, with b = block_size:
//
//   depth_to_space: output[n, i * b + u, j * b + v, c] = x[n, i, j, channel(u, v, c)]
//   space_to_depth: output[n, i, j, channel(u, v, c)] = x[n, i * b + u, j * b + v, c]
//
// where channel(u, v, c) is (u * b + v) * C + c with DCR and (c * b + u) * b + v with CRD, and C is
// the number of channels c. DCR and CRD are ONNX's words; PyTorch's pixel_shuffle is CRD.
template <class Kind>
class BlockBuilder : public LayerBuilder<Kind> {
 public:
  Kind& mode(BlockMode mode) {
    return this->set("mode", Setting(std::string(mode == BlockMode::dcr ? "DCR" : "CRD")));
  }

 protected:
  BlockBuilder(const char* kind, int64_t block_size) : LayerBuilder<Kind>(kind) {
    this->set("block_size", Setting(block_size));
    mode(BlockMode::dcr);
  }
};

class DepthToSpace : public BlockBuilder<DepthToSpace> {
 public:
  explicit DepthToSpace(int64_t block_size) : BlockBuilder("depth_to_space", block_size) {}
};

class SpaceToDepth : public BlockBuilder<SpaceToDepth> {
 public:
  explicit SpaceToDepth(int64_t block_size) : BlockBuilder("space_to_depth", block_size) {}
};

// output[..., j * groups + g] = x[..., g * (channels / groups) + j].
class ChannelShuffle : public LayerBuilder<ChannelShuffle> {
 public:
  explicit ChannelShuffle(int64_t groups) : LayerBuilder("channel_shuffle") {
    set("groups", Setting(groups));
  }
};

// Channels start to stop - 1.
class SliceChannels : public LayerBuilder<SliceChannels> {
 public:
  SliceChannels(int64_t start, int64_t stop) : LayerBuilder("slice_channels") {
    set("start", Setting(start));
    set("stop", Setting(stop));
  }
};

// One of several inputs of a model, an image of `size` and `channels` in the numbers of a flat
// input from `offset` on: see Model::inputs.
class InputPart : public LayerBuilder<InputPart> {
 public:
  InputPart(int64_t offset, Pair size, int64_t channels) : LayerBuilder("input_part") {
    set("offset", Setting(offset));
    set("size", size);
    set("channels", Setting(channels));
  }
};

// A trained array of `size` and `channels`, the same for every image, such as a class token or a
// map of positions. Its input only tells the number of images.
class Parameter : public LayerBuilder<Parameter> {
 public:
  Parameter(Pair size, int64_t channels) : LayerBuilder("parameter") {
    set("size", size);
    set("channels", Setting(channels));
  }
};

}  // namespace layers
}  // namespace cnnx
