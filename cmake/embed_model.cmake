# mobilenet_embed_model(<target> <model.mnet> [NAME <name>])
#
# Puts a packed model into the read-only data of <target>, from where it is used in place:
#
#   mobilenet_embed_model(app models/fashion.mnet)      #include "fashion.mnet.hpp"
#                                                       classifier<simd>::from_bytes(fashion())
#
# <name> is the function's and the header's, the file's name without extension by default; what no C++ name may
# contain becomes "_"; a word of C++ ("default") is an error. The model may be the output of a custom command of the
# same folder. The target is built again when the model changes. Call it in the folder that defines the target.
set(MOBILENET_EMBED_MODEL_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_model.sh CACHE INTERNAL "")

function(mobilenet_embed_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" NAME "")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "mobilenet_embed_model: found \"${arg_UNPARSED_ARGUMENTS}\", expected only NAME <name>")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "mobilenet_embed_model: no target ${target}")
  endif()
  cmake_path(ABSOLUTE_PATH model NORMALIZE)
  get_source_file_property(generated ${model} GENERATED)
  if(NOT generated AND NOT EXISTS ${model})
    message(FATAL_ERROR "mobilenet_embed_model: ${model} does not exist and no command of this folder makes it")
  endif()
  if(arg_NAME)
    set(name ${arg_NAME})
  else()
    cmake_path(GET model STEM LAST_ONLY name)
  endif()
  string(MAKE_C_IDENTIFIER ${name} name)

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded)
  set(source ${folder}/${name}.mnet.cpp)
  set(header ${folder}/${name}.mnet.hpp)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(
    OUTPUT ${source} ${header}
    COMMAND sh ${MOBILENET_EMBED_MODEL_SCRIPT} ${model} ${name} ${source} ${header}
    DEPENDS ${model} ${MOBILENET_EMBED_MODEL_SCRIPT}
    COMMENT "Embedding ${model}"
    VERBATIM)
  # Link-time optimisation moves code away from the file-level assembly that it needs.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -fno-lto)
  target_sources(${target} PRIVATE ${source} ${header})
  target_include_directories(${target} PRIVATE ${folder})
  target_compile_features(${target} PRIVATE cxx_std_20)
endfunction()
