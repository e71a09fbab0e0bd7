// The library's version. The build files read these three lines; nothing else states it.
#pragma once

#define MOBILENET_VERSION_MAJOR 0
#define MOBILENET_VERSION_MINOR 1
#define MOBILENET_VERSION_PATCH 0
