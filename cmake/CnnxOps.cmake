# cnnx_add_op(name [LAYER kinds...] [KERNELS]): one op's room. Its source is src/ops/name.cpp, with KERNELS its inner
# loops are src/kernels/name.cpp; LAYER names the layer kinds it offers to a graph (make_<kind> in the op's source).
function(cnnx_add_op name)
  cmake_parse_arguments(PARSE_ARGV 1 op "KERNELS" "" "LAYER")
  set_property(GLOBAL APPEND PROPERTY CNNX_OP_SOURCES src/ops/${name}.cpp)
  set_property(GLOBAL APPEND PROPERTY CNNX_LAYER_KINDS ${op_LAYER})
  if(op_KERNELS)
    set_property(GLOBAL APPEND PROPERTY CNNX_KERNEL_SOURCES src/kernels/${name}.cpp)
  endif()
endfunction()

# Writes the list of layer kinds that src/ops/registry.cpp reads.
function(cnnx_write_layer_list path)
  get_property(kinds GLOBAL PROPERTY CNNX_LAYER_KINDS)
  set(text "")
  foreach(kind IN LISTS kinds)
    string(APPEND text "CNNX_LAYER(${kind})\n")
  endforeach()
  file(GENERATE OUTPUT ${path} CONTENT "${text}")
endfunction()
