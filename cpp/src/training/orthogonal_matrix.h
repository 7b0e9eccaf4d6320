// The orthogonal matrix near a matrix, by a Newton-Schulz iteration: matrix products only.
#pragma once

#include <cstdint>

namespace cnnx::training {

// Floats of scratch of orthogonalise.
int64_t orthogonalise_scratch_floats(int64_t rows, int64_t columns);

// Maps every singular value of a matrix (stored row by row) that is not tiny beside the largest
// into about 0.7 to 1.2, and keeps its singular vectors; zeros stay zeros. After five iterations
// this holds from about a hundredth of the Frobenius norm on. The coefficients are those of Jordan
// 2024, chosen to raise small values fast rather than to converge to 1. The bits do not depend on
// the number of threads.
void orthogonalise(float* matrix, int64_t rows, int64_t columns, int64_t iterations,
                   float* scratch);

}  // namespace cnnx::training
