# cnnx_add_op(name [LAYERS] [KERNELS]): one op. Its source is src/ops/name.cpp, with KERNELS its inner loops are
# src/kernels/name.cpp; with LAYERS its source describes the kinds of layers that it offers to a graph (name_layers).
function(cnnx_add_op name)
  cmake_parse_arguments(PARSE_ARGV 1 op "KERNELS;LAYERS" "" "")
  set_property(GLOBAL APPEND PROPERTY CNNX_OP_SOURCES src/ops/${name}.cpp)
  if(op_LAYERS)
    set_property(GLOBAL APPEND PROPERTY CNNX_OPS_WITH_LAYERS ${name})
  endif()
  if(op_KERNELS)
    set_property(GLOBAL APPEND PROPERTY CNNX_KERNEL_SOURCES src/kernels/${name}.cpp)
  endif()
endfunction()

# Writes the list of ops with layers that src/ops/registry.cpp reads.
function(cnnx_write_layer_list path)
  get_property(ops GLOBAL PROPERTY CNNX_OPS_WITH_LAYERS)
  set(text "")
  foreach(op IN LISTS ops)
    string(APPEND text "CNNX_OP_WITH_LAYERS(${op})\n")
  endforeach()
  file(GENERATE OUTPUT ${path} CONTENT "${text}")
endfunction()
