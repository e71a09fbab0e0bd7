// options: -fno-exceptions
// says: value
#include <mobilenet/model/packed_model.hpp>

auto open_or_throw() { return mobilenet::packed_model::open("model.mnet").value(); }
