// The one-dimensional transforms of Winograd's convolution F(m, r): a line of m + r - 1 inputs and
// r weights to m outputs with m + r - 1 multiplications. For kernel files only.
//
// The m + r - 1 values of a transform are those of polynomials at as many points. In two dimensions
// a transform is applied to the columns of a tile and then to its rows. Every addition includes at
// most one multiplication, by fused_multiply_add, so each value is the same on every instruction
// set that has it.
#pragma once

#include "kernels/simd.h"

namespace {

constexpr float kRoot2 = 1.41421356237309505f, kHalfRoot2 = 0.707106781186547524f;

CNNX_INLINE Vector fused_multiply_add(float a, Vector b, Vector c) {
  return fused_multiply_add(broadcast(a), b, c);
}

// Calls body(i) for every line of a tile. The lines of large tiles, which do not fit into
// registers, share their code.
template <int kLines, class Body>
CNNX_INLINE void for_each_line(const Body& body) {
  if constexpr (kLines > 6) {
    for (int i = 0; i < kLines; ++i) body(i);
  } else {
    CNNX_UNROLL for (int i = 0; i < kLines; ++i) body(i);
  }
}

// Points 0, 1, -1, infinity.
struct FourPoints {
  static constexpr int kPoints = 4;

  static CNNX_INLINE void input(const Vector* d, Vector* u) {
    u[0] = d[0] - d[2];
    u[1] = d[1] + d[2];
    u[2] = d[2] - d[1];
    u[3] = d[1] - d[3];
  }
};

// F(2, 3).
struct Lines2 : FourPoints {
  using Points = FourPoints;
  static constexpr int kOutputs = 2, kTaps = 3;

  static CNNX_INLINE void weight(const Vector* g, Vector* v) {
    const Vector even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    v[0] = g[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = g[2];
  }
  static CNNX_INLINE void output(const Vector* m, Vector* y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  // The transposes of the last two, for the weight gradient.
  static CNNX_INLINE void output_gradient(const Vector* y, Vector* o) {
    o[0] = y[0];
    o[1] = y[0] + y[1];
    o[2] = y[0] - y[1];
    o[3] = -y[1];
  }
  static CNNX_INLINE void weight_gradient(const Vector* s, Vector* g) {
    const Vector even = (s[1] + s[2]) * 0.5f;
    g[0] = s[0] + even;
    g[1] = (s[1] - s[2]) * 0.5f;
    g[2] = even + s[3];
  }
};

// Points 0, +-sqrt(1/2), +-sqrt(2), infinity: reciprocal pairs near 1, whose powers stay small. The
// usual points 0, +-1, +-2, infinity cost the same and have four to five times the error. F(4, 3)
// and F(2, 5) share the points, and so the input's transform.
struct SixPoints {
  static constexpr int kPoints = 6;

  static CNNX_INLINE void input(const Vector* d, Vector* u) {
    const Vector even = fused_multiply_add(-2.0f, d[2], d[4]);
    const Vector odd = fused_multiply_add(-2.0f, d[1], d[3]);
    const Vector far_even = fused_multiply_add(-0.5f, d[2], d[4]);
    const Vector far_odd = fused_multiply_add(-0.5f, d[1], d[3]);
    u[0] = fused_multiply_add(-2.5f, d[2], d[0] + d[4]);
    u[1] = fused_multiply_add(kHalfRoot2, odd, even);
    u[2] = fused_multiply_add(-kHalfRoot2, odd, even);
    u[3] = fused_multiply_add(kRoot2, far_odd, far_even);
    u[4] = fused_multiply_add(-kRoot2, far_odd, far_even);
    u[5] = fused_multiply_add(-2.5f, d[3], d[1] + d[5]);
  }
  // Its transpose, for the input gradient.
  static CNNX_INLINE void input_gradient(const Vector* u, Vector* d) {
    const Vector sum = u[1] + u[2], difference = u[1] - u[2];
    const Vector far_sum = u[3] + u[4], far_difference = u[3] - u[4];
    d[0] = u[0];
    d[1] = fused_multiply_add(-kRoot2, difference,
                              fused_multiply_add(-kHalfRoot2, far_difference, u[5]));
    d[2] = fused_multiply_add(-2.5f, u[0], fused_multiply_add(-2.0f, sum, far_sum * -0.5f));
    d[3] = fused_multiply_add(kHalfRoot2, difference,
                              fused_multiply_add(kRoot2, far_difference, u[5] * -2.5f));
    d[4] = u[0] + sum + far_sum;
    d[5] = u[5];
  }
};

// F(4, 3).
struct Lines4 : SixPoints {
  using Points = SixPoints;
  static constexpr int kOutputs = 4, kTaps = 3;

  // Points 1 and 2 are scaled by sqrt(1/2), points 3 and 4 by 2, which saves multiplications in
  // `output`.
  static CNNX_INLINE void weight(const Vector* g, Vector* v) {
    const Vector even = (g[0] + g[2] * 0.5f) * (-kRoot2 / 3), odd = g[1] * (-1.0f / 3);
    const Vector far_even = fused_multiply_add(2.0f, g[2], g[0]) * (1.0f / 3);
    const Vector far_odd = g[1] * (kRoot2 / 3);
    v[0] = g[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = far_even + far_odd;
    v[4] = far_even - far_odd;
    v[5] = g[2];
  }
  static CNNX_INLINE void output(const Vector* m, Vector* y) {
    const Vector sum = m[1] + m[2], difference = m[1] - m[2];
    const Vector far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    y[0] = fused_multiply_add(0.5f, far_sum, fused_multiply_add(kRoot2, sum, m[0]));
    y[1] = fused_multiply_add(kHalfRoot2, far_difference, difference);
    y[2] = fused_multiply_add(kHalfRoot2, sum, far_sum);
    y[3] = fused_multiply_add(0.5f, difference, fused_multiply_add(kRoot2, far_difference, m[5]));
  }
  static CNNX_INLINE void output_gradient(const Vector* y, Vector* o) {
    const Vector even = fused_multiply_add(0.5f, y[2], y[0]);
    const Vector odd = fused_multiply_add(0.5f, y[3], y[1]);
    const Vector far_even = fused_multiply_add(2.0f, y[2], y[0]);
    const Vector far_odd = fused_multiply_add(2.0f, y[3], y[1]);
    o[0] = y[0];
    o[1] = fused_multiply_add(kHalfRoot2, odd, even);
    o[2] = fused_multiply_add(-kHalfRoot2, odd, even);
    o[3] = fused_multiply_add(kRoot2, far_odd, far_even);
    o[4] = fused_multiply_add(-kRoot2, far_odd, far_even);
    o[5] = y[3];
  }
  static CNNX_INLINE void weight_gradient(const Vector* s, Vector* g) {
    const Vector sum = s[1] + s[2], difference = s[2] - s[1];
    const Vector far_sum = s[3] + s[4], far_difference = s[3] - s[4];
    g[0] = fused_multiply_add(1.0f / 6, far_sum, fused_multiply_add(-2.0f / 3, sum, s[0]));
    g[1] = fused_multiply_add(0.5f, far_difference, difference) * (kRoot2 / 3);
    g[2] = fused_multiply_add(1.0f / 3, far_sum - sum, s[5]);
  }
};

// Points +-a, +-b, infinity with a = 1/2 and b = 5/4: a third of the error of 0, +-1, 2, infinity.
struct FivePoints {
  static constexpr int kPoints = 5;
  static constexpr float kA = 0.5f, kB = 1.25f, kA2 = kA * kA, kB2 = kB * kB;

  static CNNX_INLINE void input(const Vector* d, Vector* u) {
    const Vector even = fused_multiply_add(-kB2, d[0], d[2]);
    const Vector odd = fused_multiply_add(-kB2, d[1], d[3]);
    const Vector far_even = fused_multiply_add(-kA2, d[0], d[2]);
    const Vector far_odd = fused_multiply_add(-kA2, d[1], d[3]);
    u[0] = fused_multiply_add(kA, even, odd);
    u[1] = fused_multiply_add(-kA, even, odd);
    u[2] = fused_multiply_add(kB, far_even, far_odd);
    u[3] = fused_multiply_add(-kB, far_even, far_odd);
    u[4] = fused_multiply_add(-kA2 - kB2, d[2], fused_multiply_add(kA2 * kB2, d[0], d[4]));
  }
};

// F(4, 2).
struct Lines4Of2 : FivePoints {
  using Points = FivePoints;
  static constexpr int kOutputs = 4, kTaps = 2;
  static constexpr float kScale = 1 / (2 * kA * (kA2 - kB2)), kFarScale = -kScale * kA / kB;

  static CNNX_INLINE void weight(const Vector* g, Vector* v) {
    v[0] = fused_multiply_add(kScale, g[0], g[1] * (kScale * kA));
    v[1] = fused_multiply_add(-kScale, g[0], g[1] * (kScale * kA));
    v[2] = fused_multiply_add(kFarScale, g[0], g[1] * (kFarScale * kB));
    v[3] = fused_multiply_add(-kFarScale, g[0], g[1] * (kFarScale * kB));
    v[4] = g[1];
  }
  static CNNX_INLINE void output(const Vector* m, Vector* y) {
    const Vector sum = m[0] + m[1], difference = (m[0] - m[1]) * kA;
    const Vector far_sum = m[2] + m[3], far_difference = (m[2] - m[3]) * kB;
    y[0] = sum + far_sum;
    y[1] = difference + far_difference;
    y[2] = fused_multiply_add(kA2, sum, far_sum * kB2);
    y[3] = fused_multiply_add(kA2, difference, fused_multiply_add(kB2, far_difference, m[4]));
  }
  static CNNX_INLINE void output_gradient(const Vector* y, Vector* o) {
    const Vector even = fused_multiply_add(kA2, y[2], y[0]);
    const Vector odd = fused_multiply_add(kA2, y[3], y[1]);
    const Vector far_even = fused_multiply_add(kB2, y[2], y[0]);
    const Vector far_odd = fused_multiply_add(kB2, y[3], y[1]);
    o[0] = fused_multiply_add(kA, odd, even);
    o[1] = fused_multiply_add(-kA, odd, even);
    o[2] = fused_multiply_add(kB, far_odd, far_even);
    o[3] = fused_multiply_add(-kB, far_odd, far_even);
    o[4] = y[3];
  }
  static CNNX_INLINE void weight_gradient(const Vector* s, Vector* g) {
    const Vector sum = (s[0] + s[1]) * kScale, difference = (s[0] - s[1]) * kScale;
    g[0] = fused_multiply_add(kFarScale, s[2] - s[3], difference);
    g[1] = fused_multiply_add(kFarScale * kB, s[2] + s[3], fused_multiply_add(kA, sum, s[4]));
  }
};

// Points +-a, +-b, +-c, infinity with a = 5/16, b = 7/8 and c = 13/8.
struct SevenPoints {
  static constexpr int kPoints = 7;
  static constexpr float kA = 0.3125f, kB = 0.875f, kC = 1.625f;
  static constexpr float kA2 = kA * kA, kB2 = kB * kB, kC2 = kC * kC;

  static CNNX_INLINE void input(const Vector* d, Vector* u) {
    input_pair(d, kA, kB2, kC2, u);
    input_pair(d, kB, kA2, kC2, u + 2);
    input_pair(d, kC, kA2, kB2, u + 4);
    const Vector low = fused_multiply_add(-kA2 * kB2 * kC2, d[0], d[6]);
    u[6] = fused_multiply_add(-kA2 - kB2 - kC2, d[4],
                              fused_multiply_add(kA2 * kB2 + kA2 * kC2 + kB2 * kC2, d[2], low));
  }

 private:
  // The points +-p; the other points have the squares q2 and r2.
  static CNNX_INLINE void input_pair(const Vector* d, float p, float q2, float r2, Vector* u) {
    const Vector even = fused_multiply_add(q2 * r2, d[0], fused_multiply_add(-q2 - r2, d[2], d[4]));
    const Vector odd = fused_multiply_add(q2 * r2, d[1], fused_multiply_add(-q2 - r2, d[3], d[5]));
    u[0] = fused_multiply_add(p, even, odd);
    u[1] = fused_multiply_add(-p, even, odd);
  }
};

// F(4, 4).
struct Lines4Of4 : SevenPoints {
  using Points = SevenPoints;
  static constexpr int kOutputs = 4, kTaps = 4;

  static CNNX_INLINE void weight(const Vector* g, Vector* v) {
    weight_pair(g, kA, kScaleA, v);
    weight_pair(g, kB, kScaleB, v + 2);
    weight_pair(g, kC, kScaleC, v + 4);
    v[6] = g[3];
  }
  static CNNX_INLINE void output(const Vector* m, Vector* y) {
    const Vector sum_a = m[0] + m[1], difference_a = (m[0] - m[1]) * kA;
    const Vector sum_b = m[2] + m[3], difference_b = (m[2] - m[3]) * kB;
    const Vector sum_c = m[4] + m[5], difference_c = (m[4] - m[5]) * kC;
    y[0] = sum_a + sum_b + sum_c;
    y[1] = difference_a + difference_b + difference_c;
    y[2] = fused_multiply_add(kA2, sum_a, fused_multiply_add(kB2, sum_b, sum_c * kC2));
    y[3] = fused_multiply_add(
        kA2, difference_a,
        fused_multiply_add(kB2, difference_b, fused_multiply_add(kC2, difference_c, m[6])));
  }
  static CNNX_INLINE void output_gradient(const Vector* y, Vector* o) {
    output_gradient_pair(y, kA, o);
    output_gradient_pair(y, kB, o + 2);
    output_gradient_pair(y, kC, o + 4);
    o[6] = y[3];
  }
  static CNNX_INLINE void weight_gradient(const Vector* s, Vector* g) {
    const Vector even_a = (s[0] - s[1]) * kScaleA, odd_a = (s[0] + s[1]) * (kScaleA * kA);
    const Vector even_b = (s[2] - s[3]) * kScaleB, odd_b = (s[2] + s[3]) * (kScaleB * kB);
    const Vector even_c = (s[4] - s[5]) * kScaleC, odd_c = (s[4] + s[5]) * (kScaleC * kC);
    g[0] = even_a + even_b + even_c;
    g[1] = odd_a + odd_b + odd_c;
    g[2] = fused_multiply_add(kA2, even_a, fused_multiply_add(kB2, even_b, even_c * kC2));
    g[3] = fused_multiply_add(kA2, odd_a,
                              fused_multiply_add(kB2, odd_b, fused_multiply_add(kC2, odd_c, s[6])));
  }

 private:
  static constexpr float kScaleA = 1 / (2 * kA * (kA2 - kB2) * (kA2 - kC2));
  static constexpr float kScaleB = 1 / (2 * kB * (kB2 - kA2) * (kB2 - kC2));
  static constexpr float kScaleC = 1 / (2 * kC * (kC2 - kA2) * (kC2 - kB2));

  static CNNX_INLINE void weight_pair(const Vector* g, float p, float scale, Vector* v) {
    const Vector even = fused_multiply_add(p * p, g[2], g[0]) * scale;
    const Vector odd = fused_multiply_add(p * p, g[3], g[1]) * (scale * p);
    v[0] = odd + even;
    v[1] = odd - even;
  }
  static CNNX_INLINE void output_gradient_pair(const Vector* y, float p, Vector* o) {
    const Vector even = fused_multiply_add(p * p, y[2], y[0]);
    const Vector odd = fused_multiply_add(p * p, y[3], y[1]);
    o[0] = fused_multiply_add(p, odd, even);
    o[1] = fused_multiply_add(-p, odd, even);
  }
};

// F(2, 5).
struct Lines2Of5 : SixPoints {
  using Points = SixPoints;
  static constexpr int kOutputs = 2, kTaps = 5;

  static CNNX_INLINE void weight(const Vector* g, Vector* v) {
    const Vector even = fused_multiply_add(0.25f, g[4], fused_multiply_add(0.5f, g[2], g[0]));
    const Vector far_even = fused_multiply_add(4.0f, g[4], fused_multiply_add(2.0f, g[2], g[0]));
    put_pair(even * (-2.0f / 3), fused_multiply_add(0.5f, g[3], g[1]) * (-kRoot2 / 3), v + 1);
    put_pair(far_even * (1.0f / 6), fused_multiply_add(2.0f, g[3], g[1]) * (kRoot2 / 6), v + 3);
    v[0] = g[0];
    v[5] = g[4];
  }
  static CNNX_INLINE void output(const Vector* m, Vector* y) {
    y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
    y[1] =
        fused_multiply_add(kHalfRoot2, m[1] - m[2], fused_multiply_add(kRoot2, m[3] - m[4], m[5]));
  }
  static CNNX_INLINE void output_gradient(const Vector* y, Vector* o) {
    o[0] = y[0];
    o[1] = fused_multiply_add(kHalfRoot2, y[1], y[0]);
    o[2] = fused_multiply_add(-kHalfRoot2, y[1], y[0]);
    o[3] = fused_multiply_add(kRoot2, y[1], y[0]);
    o[4] = fused_multiply_add(-kRoot2, y[1], y[0]);
    o[5] = y[1];
  }
  static CNNX_INLINE void weight_gradient(const Vector* s, Vector* g) {
    const Vector sum = (s[1] + s[2]) * (-2.0f / 3), far_sum = (s[3] + s[4]) * (1.0f / 6);
    const Vector difference = (s[1] - s[2]) * (-kRoot2 / 3);
    const Vector far_difference = (s[3] - s[4]) * (kRoot2 / 6);
    g[0] = s[0] + sum + far_sum;
    g[1] = difference + far_difference;
    g[2] = fused_multiply_add(0.5f, sum, far_sum + far_sum);
    g[3] = fused_multiply_add(0.5f, difference, far_difference + far_difference);
    g[4] = fused_multiply_add(0.25f, sum, fused_multiply_add(4.0f, far_sum, s[5]));
  }

 private:
  static CNNX_INLINE void put_pair(Vector even, Vector odd, Vector* v) {
    v[0] = even + odd;
    v[1] = even - odd;
  }
};

}  // namespace
