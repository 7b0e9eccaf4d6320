// Batch normalisation of floats.
#include "kernels/batch_norm2d_loops.h"

namespace cnnx {
namespace CNNX_ISA {

const BatchNorm2dKernels batch_norm2d_kernels = {moments<float>, forward<float>};
const BatchNorm2dGradientKernels batch_norm2d_gradient_kernels = {sums<float>, backward<float>};

}  // namespace CNNX_ISA
}  // namespace cnnx
