# Writes the licences of everything that is linked into the handler into one file, for zips and images.
#   cmake -DOUT=licences.txt -DLICENSE=../../LICENSE -DWITH_TURBOJPEG=ON -P licences.cmake
# The texts are those that Debian's packages install. Where one is absent, the file names its licence and its homepage.

# component;licence;homepage;files with the text, the first one that exists counts
set(components
  "C++ runtime library (libstdc++, libgcc)|GPL-3.0-or-later WITH GCC-exception-3.1|https://gcc.gnu.org|libstdc++-*-dev/copyright"
  "GNU C library|LGPL-2.1-or-later|https://www.gnu.org/software/libc|libc6-dev/copyright"
  "Boost (Asio, Beast)|BSL-1.0|https://www.boost.org|libboost1.*-dev/copyright"
  "RapidJSON|MIT|https://rapidjson.org|rapidjson-dev/copyright"
  "Highway|Apache-2.0 or BSD-3-Clause|https://github.com/google/highway|libhwy-dev/copyright"
  "stb_image|MIT or public domain|https://github.com/nothings/stb|libstb-dev/copyright")
if(WITH_TURBOJPEG)
  list(APPEND components
    "libjpeg-turbo|IJG and BSD-3-Clause and Zlib|https://libjpeg-turbo.org|libturbojpeg0-dev/copyright")
endif()

set(rule "========================================================================\n")
file(READ ${LICENSE} text)
file(WRITE ${OUT} "This executable contains the following works, each under its own licence.\n"
  "It can be built again with other versions of them: see examples/serverless/README.md in its sources.\n\n"
  "${rule}mobilenet-cpp: Apache-2.0\n${rule}\n${text}\n")

foreach(component IN LISTS components)
  string(REPLACE "|" ";" component "${component}")
  list(GET component 0 name)
  list(GET component 1 licence)
  list(GET component 2 homepage)
  list(GET component 3 pattern)
  file(APPEND ${OUT} "${rule}${name}: ${licence}\n${homepage}\n${rule}\n")
  file(GLOB found "/usr/share/doc/${pattern}")
  if(NOT found)
    file(APPEND ${OUT} "The text is at the homepage above.\n\n")
    continue()
  endif()
  list(GET found -1 found)
  file(READ ${found} text)
  if(name MATCHES "Boost")  # Debian's file lists every file of Boost, 2 MB
    string(REGEX MATCH "\nLicense: BSL-1\\.0\n( [^\n]*\n)+" text "${text}")
  endif()
  file(APPEND ${OUT} "${text}\n")
endforeach()

# The texts that Debian's files refer to.
foreach(name LGPL-2.1 GPL-3)
  if(EXISTS /usr/share/common-licenses/${name})
    file(READ /usr/share/common-licenses/${name} text)
    file(APPEND ${OUT} "${rule}${name}\n${rule}\n${text}\n")
  endif()
endforeach()
