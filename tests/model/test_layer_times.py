"""The times of layers in inference, which the benchmarks show."""

import cnnx
import numpy as np


def test_every_computed_layer_has_a_time() -> None:
    model = cnnx.models.resnet20((16, 16, 3))
    x = np.ones((2, 16, 16, 3), np.float32)
    before = model(x)
    times = model._core.layer_times(x, 3)
    assert [name for names, _ in times for name in names] == [each.name for each in model.layers]
    assert all(seconds > 0 for _, seconds in times)
    # A convolution, its norm and its activation run fused.
    assert times[0][0] == ["conv2d_1", "batch_norm2d_1", "relu_1"]
    np.testing.assert_array_equal(model(x), before)
