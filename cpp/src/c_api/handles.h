// What the opaque handles of the C interface are.
#pragma once

#include "cnnx/c_api.h"
#include "cnnx/model.h"

struct cnnx_model {
  cnnx::Model model;
};
