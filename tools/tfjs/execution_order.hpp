// The order of execution of operations that name their inputs.
#pragma once

#include "tfjs/layer_origin.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// An operation and the names of those whose outputs it reads.
struct named_operation {
  layer_origin origin;
  std::vector<std::string> inputs;
};

/// The inputs of every operation, by number.
using operation_inputs = std::vector<std::vector<std::size_t>>;

/// Finds the operations that the inputs name.
/// errors   invalid_argument: two operations of one name, an input that is not an operation
result<operation_inputs> link(const std::vector<named_operation>& operations);

/// What is to be executed for an output.
struct execution {
  std::vector<std::size_t> order;    ///< operations, each after its inputs and otherwise in the order given
  std::vector<std::size_t> readers;  ///< of every operation, how often its output is read; the output counts one more
};

/// The operations that `output` needs, itself included. Terminates for any inputs.
/// errors   invalid_argument: a cycle
result<execution> execution_of(const std::vector<named_operation>& operations, const operation_inputs& inputs,
                               std::size_t output);

}  // namespace mobilenet::tools
