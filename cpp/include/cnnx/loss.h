// What a trainer minimises, and the targets that it compares outputs with.
#pragma once

#include <cfloat>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cnnx/training_settings.h"

namespace cnnx {

// Exactly one of labels and values, except for custom: labels, one per row, for losses of classes
// alone; values, one per output of every row, which for losses of classes are soft labels that add
// up to 1 (not for focal). If the model's output is (height, width, classes), losses of classes
// take a label, or soft labels, for each position of each row.
//
// `weights`, one per row, finite and at least 0, multiply the loss of each row, its gradient and
// its part of the accuracy. The means divide by their sum, so only the ratios of weights matter;
// with weights of 1 the bits are those without weights. A batch whose weights add up to 0 has
// the loss 0 and gradients of 0. Mixup blends weights like images, and targets in proportion to
// their weights.
struct Targets {
  const int64_t* labels = nullptr;
  const float* values = nullptr;
  const float* weights = nullptr;  // null: all 1
};

// A loss is a mean over a batch, weighted by Targets::weights.
//
// Losses of classes (cross_entropy, focal, dice, tversky) read outputs (classes), or
// (height, width, classes) with a class for each position, and apply softmax themselves:
//
//   cross_entropy   see cnnx/cross_entropy.h; a mean over positions, weighted by their classes
//   focal           -(1 - p)^gamma * log(p) for the probability p of the label, with the mean of
//                   cross_entropy (Lin et al. 2017: Focal Loss for Dense Object Detection)
//   tversky         1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth), the mean over the
//                   classes of an image, weighted by class_weights, then over images; tp, fp and fn
//                   are sums over positions of p * t, p * (1 - t) and (1 - p) * t for probabilities
//                   p and targets t (Salehi et al. 2017: Tversky Loss Function for Image
//                   Segmentation Using 3D Fully Convolutional Deep Networks)
//   dice            1 - (2 * tp + smooth) / (2 * tp + fp + fn + smooth), likewise (Milletari et al.
//                   2016: V-Net)
//
// focal, dice and tversky also read a single output per position, whose sigmoid is the probability
// of class 1; their targets are then values in [0, 1].
//
// custom is a function of the program's own.
//
// The others are means over all outputs of an image, then over images. binary_cross_entropy applies
// sigmoid itself. A model that ends in Softmax or Sigmoid is refused where a loss applies it.
//
// A trainer refuses a loss with settings of another kind: a member that its kind does not have must
// keep its default.
struct Loss {
  enum class Kind {
    cross_entropy,
    binary_cross_entropy,
    mean_squared_error,
    mean_absolute_error,
    huber,
    focal,
    dice,
    tversky,
    sum,
    heads,
    custom,
  };
  Kind kind = Kind::cross_entropy;
  float label_smoothing = 0.0f;           // of cross_entropy, in [0, 1]
  std::vector<float> class_weights = {};  // of classes, one per class, >= 0; empty: all 1
  // Of classes: positions with this label count for nothing.
  std::optional<int64_t> ignore_index = {};
  float delta = 1.0f;              // of huber, > 0
  float gamma = 2.0f;              // of focal, >= 0
  double smooth = 1.0;             // of dice and tversky, >= 0
  double alpha = 0.5, beta = 0.5;  // of tversky, >= 0: weights of false positives, negatives
  // Of custom. Returns the mean loss of some images, outputs as Model::run writes them, and writes
  // its gradient with respect to the outputs unless that is null. A trainer calls it once per step
  // or shard, under its lock, from the thread that calls the trainer. The trainer and its
  // model refuse to be used by it. What it throws leaves the model as it was before the step.
  std::function<double(const float* outputs, const Targets& targets, int64_t images,
                       float* grad_outputs)>
      function = {};
  // Of custom: how many Targets::values an image has; 0: one per output. It may have labels, too.
  int64_t target_size = 0;
  bool takes_logits = false;  // of custom: whether the function applies softmax to the outputs
  // Of a sum: losses of the same targets, each times its `weight`. Of heads: one loss for each head
  // of the model, in their order, whose targets are in Targets::values one after the other: labels
  // as whole numbers, without soft labels, or values.
  std::vector<Loss> terms = {};
  double weight = 1.0;

  static constexpr NamedValue<Kind> kKinds[] = {
      {"cross_entropy", Kind::cross_entropy},
      {"binary_cross_entropy", Kind::binary_cross_entropy},
      {"mean_squared_error", Kind::mean_squared_error},
      {"mean_absolute_error", Kind::mean_absolute_error},
      {"huber", Kind::huber},
      {"focal", Kind::focal},
      {"dice", Kind::dice},
      {"tversky", Kind::tversky}};
  // Those of its kind alone.
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    const bool has_smooth = self.kind == Kind::dice || self.kind == Kind::tversky;
    if (self.kind == Kind::cross_entropy) visit("label_smoothing", self.label_smoothing);
    if (self.kind == Kind::focal) visit("gamma", self.gamma, kNotNegative);
    if (self.kind == Kind::tversky) {
      visit("alpha", self.alpha, kNotNegative);
      visit("beta", self.beta, kNotNegative);
    }
    if (has_smooth) visit("smooth", self.smooth, kNotNegative);
    if (has_smooth || self.kind == Kind::cross_entropy || self.kind == Kind::focal) {
      visit("class_weights", self.class_weights);
      visit("ignore_index", self.ignore_index);
    }
    if (self.kind == Kind::huber) visit("delta", self.delta);
  }
};

}  // namespace cnnx
