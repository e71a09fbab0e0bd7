// options: -fno-exceptions
// says: value
#include <mobilenet/model/open.hpp>

auto open_or_throw() { return mobilenet::open_model("model.mnet").value(); }
