"""The reference of every test: one plain NumPy float64 function per op, slow and obviously correct.

Not part of the package. Arrays are NHWC, convolution weights HWIO, dense weights (in, out). Every
function takes any real array and computes in float64; a backward returns the same as its op's.
"""

from reference.activations import *
from reference.arrays import *
from reference.channels import *
from reference.convolution import *
from reference.losses import *
from reference.merging import *
from reference.normalisation import *
from reference.pooling import *
from reference.resampling import *
