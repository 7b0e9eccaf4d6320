// The transport of a distributed training: an object of Python that the trainer calls in each step.
#include "cnnx/distributed.h"

#include <memory>

#include "bindings.h"
#include "cnnx/trainer.h"
#include "python_function.h"

namespace cnnx::bindings {
namespace {

// Memory of the trainer, which outlives the call that the view is an argument of.
template <class Value>
py::array_t<Value> view(Value* values, const std::vector<py::ssize_t>& shape) {
  return py::array_t<Value>(shape, values, py::capsule(values, [](void*) {}));
}

py::array_t<float> view_of(float* block, const BlockSegment& segment) {
  return view(block + segment.first, {static_cast<py::ssize_t>(segment.count)});
}

class PythonExchange final : public ShardExchange {
 public:
  explicit PythonExchange(py::object target) : target_(shared(std::move(target))) {}

  void attach(Trainer& trainer, std::vector<Contribution> contributions) {
    segments_ = trainer.segments();
    contributions_ = std::move(contributions);
    for (std::size_t i = 0; i < contributions_.size(); ++i)
      blocks_.push_back(trainer.contribution(static_cast<int64_t>(i)));
    sums_ = trainer.shard_sums();
    floats_ = trainer.shard_floats();
  }

  void begin(int64_t rows) override {
    const AcquireGil gil;
    call_method(*target_, "begin", rows, view(sums_, {static_cast<py::ssize_t>(floats_)}));
  }

  void send(int64_t round, int64_t number) override {
    const AcquireGil gil;
    py::object values = py::none();
    for (std::size_t i = 0; i < contributions_.size(); ++i)
      if (contributions_[i].round == round)
        values = view_of(blocks_[i], segments_[static_cast<std::size_t>(number)]);
    call_method(*target_, "send", round, number, values);
  }

  void finish() override {
    const AcquireGil gil;
    call_method(*target_, "finish");
  }

  void share(double* table, int64_t rows, int64_t columns) override {
    const AcquireGil gil;
    call_method(*target_, "share_rows", view(table, {rows, columns}));
  }

  std::string share(const std::string& text, int64_t process) override {
    const AcquireGil gil;
    return call_method(*target_, "share_text", text, process).cast<std::string>();
  }

 private:
  std::shared_ptr<py::object> target_;
  std::vector<BlockSegment> segments_;
  std::vector<Contribution> contributions_;
  std::vector<float*> blocks_;
  float* sums_ = nullptr;
  int64_t floats_ = 0;
};

using ContributionTuple = std::tuple<int64_t, int64_t, int64_t>;  // first, end, round

Contribution contribution_of(const ContributionTuple& tuple) {
  return {std::get<0>(tuple), std::get<1>(tuple), std::get<2>(tuple)};
}

}  // namespace

void bind_distributed(py::module_& module) {
  module.def(
      "contributions_of",
      [](int64_t shards, int64_t process, int64_t processes) {
        std::vector<ContributionTuple> found;
        for (const Contribution& each : contributions_of(shards, process, processes))
          found.emplace_back(each.first, each.end, each.round);
        return found;
      },
      py::arg("shards"), py::arg("process"), py::arg("processes"));
  module.def(
      "has_rows",
      [](const ContributionTuple& contribution, int64_t rows, int64_t shards) {
        return has_rows(contribution_of(contribution), rows, shards);
      },
      py::arg("contribution"), py::arg("rows"), py::arg("shards"));
  module.def(
      "add_contributions",
      [](const std::vector<ContributionTuple>& contributions, const std::vector<FloatArray>& values,
         FloatArray& sums) {
        std::vector<Contribution> places;
        for (const ContributionTuple& each : contributions) places.push_back(contribution_of(each));
        std::vector<const float*> pointers;
        for (const FloatArray& each : values) {
          if (each.size() != sums.size() || values.size() != contributions.size())
            throw py::value_error("add_contributions: expected an array of one length for each");
          pointers.push_back(each.data());
        }
        float* const out = sums.mutable_data();
        const ReleaseGil release;
        add_contributions(places, pointers, sums.size(), out);
      },
      py::arg("contributions"), py::arg("values"), py::arg("sums").noconvert());
}

void bind_distribute(py::classh<Trainer>& type) {
  type.def(
          "distribute",
          [](Trainer& trainer, int64_t shards, int64_t process, int64_t processes,
             py::object transport) {
            const auto exchange = std::make_shared<PythonExchange>(std::move(transport));
            std::vector<Contribution> own = contributions_of(shards, process, processes);
            const ReleaseGil release;
            trainer.distribute(process, processes, exchange);
            exchange->attach(trainer, std::move(own));
          },
          py::arg("shards"), py::arg("process"), py::arg("processes"), py::arg("transport"))
      .def_property_readonly("segments", [](const Trainer& trainer) {
        std::vector<std::pair<int64_t, int64_t>> found;
        const ReleaseGil release;
        for (const BlockSegment& each : trainer.segments())
          found.emplace_back(each.first, each.count);
        return found;
      });
}

}  // namespace cnnx::bindings
