"""What C++ has, C has, too: every member of the C++ classes has a C function, or a reason."""

from __future__ import annotations

import re

import pytest
from c_functions import PACKAGE, CApi

FUNCTIONS = {name.removeprefix("cnnx_") for name in CApi().functions}
CLASSES = {"Model": "model", "Trainer": "trainer", "Epoch": "epoch", "Checkpoint": "checkpoint"}
HEADERS = {
    "Model": "model.h",
    "Trainer": "trainer.h",
    "Epoch": "trainer.h",
    "Checkpoint": "checkpoint.h",
}

# C functions of other names.
TWINS = {
    "Model::output_shape": ["model_output_shape", "model_output_count"],
    "Model::inputs": ["model_input_part_count", "model_input_part"],
    "Model::heads": ["model_head_count", "model_head", "model_head_shape"],
    "Model::classes": ["model_class_count", "model_class_name"],
    "Model::layer_outputs": ["model_layer_output", "model_layer_outputs"],
    "Model::layer_infos": ["model_layer_count", "model_layer_info", "model_layer_shape"],
    "Model::parameters": ["model_parameter_count", "model_parameter_name", "model_array_shape"],
    "Model::buffers": ["model_buffer_count", "model_buffer_name", "model_array_shape"],
    "Model::get_parameter": ["model_get_array"],
    "Model::get_buffer": ["model_get_array"],
    "Model::set_parameter": ["model_set_array"],
    "Model::set_buffer": ["model_set_array"],
    "Trainer::learning_rate": ["trainer_get_learning_rate"],
    "Trainer::profile": ["trainer_profile", "trainer_profile_part"],
    "Trainer::gradient_count": ["trainer_gradients"],
    "Trainer::begin_epoch": ["trainer_begin_epoch", "trainer_continue_epoch"],
    "Epoch::step": ["epoch_step_count"],
    "Epoch::steps": ["epoch_step_count"],
    "Epoch::weight": ["epoch_weights"],
    "Epoch::row_weight": ["epoch_weights"],
}

DISTRIBUTED = "the exchange between processes is a C++ class that the caller derives from"
RESUMING = "cnnx_trainer_save_checkpoint and cnnx_trainer_continue_epoch take the epoch itself"
WITHOUT_TWIN = {
    "Model::layers": "layers with all settings are C++ structs; C reads names, kinds and shapes",
    "Trainer::distribute": DISTRIBUTED,
    "Trainer::segments": DISTRIBUTED,
    "Trainer::contribution": DISTRIBUTED,
    "Trainer::shard_sums": DISTRIBUTED,
    "Trainer::shard_floats": DISTRIBUTED,
    "Epoch::position": RESUMING,
    "Epoch::place": RESUMING,
}


def members(cpp_class: str) -> list[str]:
    """The public member functions of a class, without constructors and operators."""
    text = (PACKAGE / "include" / "cnnx" / HEADERS[cpp_class]).read_text(encoding="utf-8")
    text = re.sub(r"//[^\n]*", "", text)
    body = re.search(rf"class CNNX_API {cpp_class} \{{\n public:(.*?)\n private:", text, re.DOTALL)
    assert body
    found = re.findall(r"^  (?:\[\[nodiscard\]\] )?[\w:<>&* ]+?[ &*](\w+)\(", body[1], re.MULTILINE)
    return [name for name in dict.fromkeys(found) if name != cpp_class and name != "operator"]


EVERY_MEMBER = [f"{cpp_class}::{name}" for cpp_class in CLASSES for name in members(cpp_class)]


def test_the_members_are_found() -> None:
    assert {"Model::predict", "Model::warm_up", "Trainer::fit", "Epoch::advance"} <= {*EVERY_MEMBER}
    assert len(EVERY_MEMBER) > 60
    assert [name for name in (*TWINS, *WITHOUT_TWIN) if name not in EVERY_MEMBER] == []


@pytest.mark.parametrize("member", EVERY_MEMBER)
def test_it_has_a_c_function_or_a_reason(member: str) -> None:
    cpp_class, name = member.split("::")
    twins = TWINS.get(member, [f"{CLASSES[cpp_class]}_{name}"])
    missing = [twin for twin in twins if twin not in FUNCTIONS]
    assert bool(missing) == (member in WITHOUT_TWIN), missing
