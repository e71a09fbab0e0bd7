#include "handler.hpp"

// The executable without a model in it: the model is a file, see settings::model.
std::span<const std::byte> serverless::embedded_model() { return {}; }
