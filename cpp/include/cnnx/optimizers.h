// The optimizers and their settings, by PyTorch's formulas. p is a parameter, g its gradient. Every
// slot starts at zero.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "cnnx/export.h"
#include "cnnx/training_settings.h"

namespace cnnx {

//   g += weight_decay * p;  v = momentum * v + g
//   p -= learning_rate * (nesterov ? g + momentum * v : v)
//
// One slot, v; no slot when momentum is 0.
struct Sgd {
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;

  static constexpr const char* kKind = "sgd";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("learning_rate", self.learning_rate, kNotNegative);
    visit("momentum", self.momentum, kBelowOne);
    visit("nesterov", self.nesterov);
    visit("weight_decay", self.weight_decay, kNotNegative);
  }
};

//   m = beta1 * m + (1 - beta1) * g;  s = beta2 * s + (1 - beta2) * g^2
//   p -= learning_rate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)
//
// at step t = 1, 2, ... Two slots, m and s (Kingma and Ba 2015).
struct Adam {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;

  static constexpr const char* kKind = "adam";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("learning_rate", self.learning_rate, kNotNegative);
    visit("beta1", self.beta1, kBelowOne);
    visit("beta2", self.beta2, kBelowOne);
    visit("epsilon", self.epsilon, kNotNegative);
  }
};

// Adam after p *= 1 - learning_rate * weight_decay (Loshchilov and Hutter 2019).
struct AdamW {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;

  static constexpr const char* kKind = "adamw";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    Adam::for_each_setting(self, visit);
    visit("weight_decay", self.weight_decay, kNotNegative);
  }
};

//   g += weight_decay * p;  s = alpha * s + (1 - alpha) * g^2;  d = g / (sqrt(s) + epsilon)
//   v = momentum * v + d;  p -= learning_rate * v
//
// Two slots, s and v; one when momentum is 0 (Tieleman and Hinton 2012).
struct RmsProp {
  double learning_rate = 0.01;
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  double weight_decay = 0;

  static constexpr const char* kKind = "rmsprop";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("learning_rate", self.learning_rate, kNotNegative);
    visit("alpha", self.alpha, kBelowOne);
    visit("epsilon", self.epsilon, kNotNegative);
    visit("momentum", self.momentum, kBelowOne);
    visit("weight_decay", self.weight_decay, kNotNegative);
  }
};

//   v = momentum * v + g;  d = nesterov ? g + momentum * v : v
//   a matrix's d becomes an orthogonal matrix near it, times sqrt(max(1, columns / rows))
//   p *= 1 - learning_rate * weight_decay;  p -= learning_rate * d
//
// The matrices are the arrays of two or more axes whose names match. Their rows are a layer's
// inputs, their columns its outputs. All other parameters are updated with d as in Sgd. One slot,
// v; no slot when momentum is 0 (Jordan et al. 2024).
struct Muon {
  double learning_rate = 0.02;
  double momentum = 0.95;
  bool nesterov = true;
  double weight_decay = 0;
  std::string matrices = "*.weight";  // * matches any characters, ? any one character
  int64_t iterations = 5;             // of Newton and Schulz

  static constexpr const char* kKind = "muon";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    Sgd::for_each_setting(self, visit);
    visit("matrices", self.matrices);
    visit("iterations", self.iterations, Limits{1, 20, true, "an integer from 1 to 20"});
  }
};

using OptimizerSettings = std::variant<Sgd, Adam, AdamW, RmsProp, Muon>;

// Factors for the parameters whose names match. The factors of all matching rules are multiplied.
struct ParameterRule {
  std::string pattern;              // "*.bias": * matches any characters, ? any one character
  double learning_rate_factor = 1;  // 0 changes neither parameters nor slots
  double weight_decay_factor = 1;

  static constexpr const char* kKind = "rule";
  template <class Self, class Visitor>
  static void for_each_setting(Self& self, Visitor&& visit) {
    visit("pattern", self.pattern, kRequired);
    visit("learning_rate_factor", self.learning_rate_factor, kNotNegative);
    visit("weight_decay_factor", self.weight_decay_factor, kNotNegative);
  }
};

// Throws std::invalid_argument, naming the setting, its value and the expected value.
CNNX_API void check_optimizer(const OptimizerSettings& settings);

}  // namespace cnnx
