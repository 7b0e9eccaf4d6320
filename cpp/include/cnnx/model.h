// A network with its weights: load one, build one, run it on images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/image.h"
#include "cnnx/layer.h"
#include "cnnx/preprocessing.h"
#include "cnnx/profile.h"
#include "cnnx/shape.h"
#include "cnnx/training_settings.h"

namespace cnnx {

namespace graph {
class ModelState;
}

// How predict and probabilities turn outputs into probabilities.
enum class Probabilities {
  softmax,  // one of several classes
  sigmoid,  // each output on its own (trained with BinaryCrossEntropy)
  outputs,  // the last layer is Softmax or Sigmoid already
  none,     // the outputs are values (trained with a regression loss, without class names)
};
inline constexpr NamedValue<Probabilities> kProbabilities[] = {{"softmax", Probabilities::softmax},
                                                               {"sigmoid", Probabilities::sigmoid},
                                                               {"outputs", Probabilities::outputs},
                                                               {"none", Probabilities::none}};

// What a network computes with. Parameters and outputs are float32.
enum class ComputeDtype {
  float32,
  // Activations and their gradients are rounded to bfloat16, and so are the weights of products.
  // Sums, batch norms, losses and updates are float32.
  bfloat16,
};
inline constexpr NamedValue<ComputeDtype> kComputeDtypes[] = {{"float32", ComputeDtype::float32},
                                                              {"bfloat16", ComputeDtype::bfloat16}};

struct Prediction {
  std::string label;  // the name of the class; its index when the model has no class names
  int64_t index = 0;  // the most probable class; with one sigmoid output, 1 if it is above 1/2
  float probability = 0;
  std::vector<float> probabilities;  // one per class
};

struct ParameterInfo {
  std::string name;  // "conv2d_1.weight"
  Shape shape;
  int64_t offset = 0;  // in the one block of all parameters, in floats
};

struct LayerInfo {
  std::string name, kind;
  Shape output_shape;  // without the batch axis
  int64_t parameter_count = 0;
};

// One of several outputs of a model: a range of its output, which holds them one after the other.
struct Head {
  std::string name;
  Shape shape;         // without the batch axis
  int64_t offset = 0;  // of its first number in an image's output
  Probabilities probabilities = Probabilities::softmax;
};

// One of several inputs of a model: a range of its flat input, which holds them one after the
// other.
struct InputInfo {
  std::string name;    // of the layer that reads it
  Shape shape;         // (height, width, channels)
  int64_t offset = 0;  // of its first number in an image's input
};

struct ModelOptions {
  std::vector<std::string> classes;  // empty: predictions are indices
  Preprocessing preprocessing;
  uint64_t seed = 0;  // of the initial weights: He uniform, bias 0
  // Names of parameters that the caller sets next, such as "conv2d_1.weight". They are 0 instead of
  // drawn, which saves the time. The others have the bits that they would have without this list.
  std::vector<std::string> given_parameters = {};
};

// A movable handle to a model; clone() copies the model. Threads may share it: every member except
// a move may be called by several at once. Functions throw std::invalid_argument, in one sentence,
// for a wrong argument and for a moved-from model, FormatError for a malformed file, and
// std::system_error when the operating system refuses.
class CNNX_API Model {
 public:
  // `layers` are builders of cnnx/layers.h or Layers; input_shape is (height, width, channels).
  Model(const std::vector<Layer>& layers, const Shape& input_shape,
        const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  // `path` is UTF-8 on Windows, the file system's own bytes elsewhere.
  [[nodiscard]] static Model load(const std::string& path);
  // Loads a model from the bytes of a model file in memory. Errors refer to them as `name`.
  [[nodiscard]] static Model from_bytes(const void* bytes, std::size_t size,
                                        const std::string& name = "model");
  // Replaces the file atomically: after an error the old file is unchanged. A symbolic link stays,
  // and the file that it points to is replaced, in that file's folder.
  void save(const std::string& path) const;
  // The bytes that save would write.
  [[nodiscard]] std::vector<std::byte> to_bytes() const;
  [[nodiscard]] Model clone() const;
  // A copy with the same weights for images of another height and width. Throws
  // std::invalid_argument, naming the layer, if the shape of a layer's weights depends on them, as
  // that of a Dense after Flatten does, or if the images are too small.
  [[nodiscard]] Model resized(int64_t height, int64_t width) const;

  // Resizes the image, converts grey/RGB and normalises it by the model's preprocessing, then runs.
  // Throws std::invalid_argument for pixels that are not finite, and NotFiniteError if the outputs
  // are NaN all the same. run and probabilities check neither.
  [[nodiscard]] Prediction predict(const ImageView& image) const;
  // For images of the model's input size, one after the other.
  [[nodiscard]] std::vector<Prediction> predict(const ImageBatch& images) const;

  // outputs: count * element_count(output_shape()) floats. A large batch is computed in pieces of
  // at most 256 images, and `between`, if there is one, is called after each but the last. What it
  // throws ends the call. It must not change the model.
  void run(const ImageBatch& images, float* outputs,
           const std::function<void()>& between = {}) const;
  void probabilities(const ImageBatch& images, float* outputs,
                     const std::function<void()>& between = {}) const;
  [[nodiscard]] std::vector<float> run(const ImageBatch& images) const;
  [[nodiscard]] std::vector<float> probabilities(const ImageBatch& images) const;
  // Turns outputs of run, count * element_count(output_shape()) floats, into those of probabilities
  // in place.
  void outputs_to_probabilities(float* outputs, int64_t count) const;
  // Writes one array per layer, in order, each count * element_count(its output_shape) floats. The
  // bits are those of run, except where run folds a batch norm into a convolution.
  void layer_outputs(const ImageBatch& images, float* const* outputs) const;
  // One array for each of these layers. Layers after the last of them do not run. Throws
  // std::invalid_argument for an unknown name.
  void layer_outputs(const ImageBatch& images, const std::vector<std::string>& names,
                     float* const* outputs) const;
  // The gradient of sum(grad_outputs * run(images)) with respect to the output of the layer `of`,
  // or to the images for "input": count * element_count(its shape) floats. grad_outputs: count *
  // element_count(output_shape()) floats. Everything is in the form of inference: batch norms use
  // their running statistics, dropout drops nothing. The gradient of the images is that of the
  // pixels as given, before the model's preprocessing. Throws std::invalid_argument for an unknown
  // layer and for a null pointer.
  void gradients(const ImageBatch& images, const float* grad_outputs, const std::string& of,
                 float* gradients) const;
  // The seconds of each step in all repetitions, the layers fused in it by name. All threads share
  // each step of the whole batch, whereas run may give each thread images of its own.
  [[nodiscard]] std::vector<LayerTime> layer_times(const ImageBatch& images,
                                                   int64_t repetitions) const;

  [[nodiscard]] const Shape& input_shape() const;   // (height, width, channels)
  [[nodiscard]] const Shape& output_shape() const;  // without the batch axis
  // Empty for a model with one input. A model has several if every layer that reads its input, of
  // shape (1, 1, numbers), is an InputPart, and these divide it without gaps. Each image of a batch
  // then holds the numbers of all inputs, one after the other. Augmentation, resized and predict of
  // an ImageView refuse such a model.
  [[nodiscard]] const std::vector<InputInfo>& inputs() const;
  [[nodiscard]] const std::vector<std::string>& classes() const;
  [[nodiscard]] const Preprocessing& preprocessing() const;
  // Empty for a model with one output.
  [[nodiscard]] std::vector<Head> heads() const;
  // Names the ranges of an output (numbers), such as that of a Concat of several flattened outputs;
  // offsets are not read. Throws std::invalid_argument unless names differ and the shapes add up to
  // the output. Models with heads have no class names, and predict refuses them.
  void set_heads(std::vector<Head> heads);
  [[nodiscard]] Probabilities probability_kind() const;
  // A Trainer sets it by its loss.
  void set_probability_kind(Probabilities kind);

  // The outputs are divided by the temperature before softmax or sigmoid (Guo et al. 2017: On
  // Calibration of Modern Neural Networks). run does not use it. It is saved with the model, and an
  // update of the parameters by training resets it to 1. Throws std::invalid_argument unless it is
  // finite and above 0, and for a value other than 1 if probabilities are neither softmax nor
  // sigmoid.
  [[nodiscard]] float temperature() const;
  void set_temperature(float temperature);

  // Texts of the program's own, saved with the model: who trained it, on which images, its licence.
  // Any reader of safetensors finds them in the file's metadata. Throws std::invalid_argument for a
  // name that is empty or begins with "cnnx.", for text that is not UTF-8, and for more than 1 MiB.
  [[nodiscard]] std::map<std::string, std::string> metadata() const;
  void set_metadata(const std::map<std::string, std::string>& metadata);

  [[nodiscard]] std::vector<Layer> layers() const;  // as given, with all names filled in
  [[nodiscard]] std::vector<LayerInfo> layer_infos() const;

  // Each takes an entry of the list above.
  [[nodiscard]] const std::vector<ParameterInfo>& parameters() const;
  void get_parameter(const ParameterInfo& parameter, float* values) const;
  void set_parameter(const ParameterInfo& parameter, const float* values);

  // The arrays that training updates besides the parameters: the running statistics of batch norms.
  [[nodiscard]] const std::vector<ParameterInfo>& buffers() const;
  void get_buffer(const ParameterInfo& buffer, float* values) const;
  void set_buffer(const ParameterInfo& buffer, const float* values);

  // What run and a train step compute with; layer_outputs and gradients compute in float32. Saved
  // with the model. Throws std::invalid_argument for bfloat16 if layers are quantized.
  [[nodiscard]] ComputeDtype compute_dtype() const;
  void set_compute_dtype(ComputeDtype dtype);

  // See Layer::trainable.
  void set_trainable(const std::string& layer, bool trainable);

  // Allocates the memory, packs the weights and starts the threads that a batch of so many images
  // needs, by running one of zeros, so that the next call takes no longer than later ones.
  void warm_up(int64_t count = 1) const;

  // Bytes of memory that predicting a batch of so many images takes, the model included, by one
  // thread of the program at a time. Images and outputs of the caller are not included. Nothing is
  // run or allocated, so a program can ask whether a model fits.
  [[nodiscard]] int64_t memory_bytes(int64_t count = 1) const;

  // Frees the memory between calls. A model keeps the activations of its largest batch, one set for
  // each thread that ran it at the same time, one set for training, and its packed weights. The
  // next call allocates what it needs again; results do not change.
  void release();

 private:
  friend class Trainer;
  friend class Checkpoint;
  explicit Model(std::shared_ptr<graph::ModelState> state);
  const std::shared_ptr<graph::ModelState>& state() const;
  std::shared_ptr<graph::ModelState> state_;
};

}  // namespace cnnx
