// Measures the layers of a model in inference. Only programs that measure link it.
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "data/image.h"
#include "graph/chain.h"
#include "graph/inference_plan.h"
#include "graph/model_state.h"
#include "runtime/floating_point.h"
#include "runtime/parallel.h"

namespace cnnx {

std::vector<LayerTime> Model::layer_times(const ImageBatch& images, int64_t repetitions) const {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  data::check_images(images, "layer_times");
  if (repetitions < 1) {
    throw std::invalid_argument("layer_times: repetitions is " + std::to_string(repetitions) +
                                ", expected at least 1");
  }
  const graph::ModelState& state = *this->state();
  const int threads = get_num_threads();
  const std::shared_lock<graph::ModelMutex> lock(state.mutex);
  const int nodes = static_cast<int>(state.graph.nodes().size());
  const graph::Chain chain(state.graph, 0, nodes, images.count,
                           {graph::Chain::Keep::nothing, state.graph.compute_dtype()});
  runtime::AlignedBuffer normalised, packed(chain.packed_end()), arena(chain.arena_floats()),
      scratch(chain.scratch_floats(threads));
  chain.pack_weights(state.parameters.data(), state.buffers.data(), threads, packed.data());
  graph::StepTimes times;
  times.forward.resize(chain.steps().size());
  graph::ChainArguments arguments{state.normalised(images, 0, images.count, normalised),
                                  state.parameters.data(),
                                  state.buffers.data(),
                                  packed.data(),
                                  arena.data(),
                                  scratch.data(),
                                  threads};
  chain.forward(arguments);  // the first touch of the arena
  arguments.times = &times;
  const bool wakes = chain.multiply_adds() >= graph::kWakingMultiplyAdds;
  for (int64_t i = 0; i < repetitions; ++i) {
    if (wakes) runtime::wake_threads(threads);
    chain.forward(arguments);
  }
  std::vector<LayerTime> found;
  for (std::size_t i = 0; i < times.forward.size(); ++i) {
    LayerTime time;
    for (int id = chain.steps()[i].first_node; id <= chain.steps()[i].last_node; ++id)
      time.layers.push_back(state.graph.node(id).layer.name);
    time.forward = times.forward[i];
    found.push_back(std::move(time));
  }
  return found;
}

}  // namespace cnnx
