// says: nodiscard
#include <mobilenet/model/open.hpp>

void open_and_forget() { mobilenet::open_model("model.mnet"); }
