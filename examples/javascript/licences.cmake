# Writes the licences of what is compiled into mobilenet.wasm:  cmake -DOUT=THIRD_PARTY.txt -P licences.cmake
# The texts are those that Debian's packages install. Where one is absent, the file names its licence and its homepage.
set(components
  "Highway|Apache-2.0 or BSD-3-Clause|https://github.com/google/highway|libhwy-dev"
  "stb_image|MIT or public domain|https://github.com/nothings/stb|libstb-dev"
  "RapidJSON|MIT|https://rapidjson.org|rapidjson-dev"
  "libc++|Apache-2.0 WITH LLVM-exception|https://libcxx.llvm.org|libc++-14-dev-wasm32"
  "wasi-libc|Apache-2.0 WITH LLVM-exception, MIT|https://github.com/WebAssembly/wasi-libc|wasi-libc")
set(rule "========================================================================\n")
file(WRITE ${OUT} "mobilenet.wasm contains the following works, each under its own licence.\n\n")
foreach(component IN LISTS components)
  string(REPLACE "|" ";" component "${component}")
  list(GET component 0 name)
  list(GET component 1 licence)
  list(GET component 2 homepage)
  list(GET component 3 package)
  file(APPEND ${OUT} "${rule}${name}: ${licence}\n${homepage}\n${rule}\n")
  set(text "The text is at the homepage above.\n")
  if(EXISTS /usr/share/doc/${package}/copyright)
    file(READ /usr/share/doc/${package}/copyright text)
  endif()
  file(APPEND ${OUT} "${text}\n")
endforeach()
