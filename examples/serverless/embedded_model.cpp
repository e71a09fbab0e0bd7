#include "handler.hpp"

#include "handler_model.mnet.hpp"  // made by mobilenet_embed_model

// The executable with its model in it.
std::span<const std::byte> serverless::embedded_model() { return handler_model(); }
