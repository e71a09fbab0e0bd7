// The command line and the environment variables of the handler.
#pragma once

#include "failure.hpp"
#include "settings.hpp"

#include <string>

namespace serverless {

enum class transport : unsigned char { undecided, http, openwhisk, actionloop, native, lambda, health, help };

struct command_line {
  settings options;
  transport chosen = transport::undecided;
  const char* parameters = nullptr;  ///< the argument without dashes: --native's JSON
  bool second_argument = false;      ///< more than one of these
  bool port_given = false;           ///< by a flag; OpenWhisk has a port of its own
};

/// Reads the environment, then the flags, which win.
/// errors   invalid_parameter: names the flag or variable, what was found and what was expected
outcome<command_line> read_command_line(int argc, char** argv);

/// What --help prints.
std::string usage();

}  // namespace serverless
