// says: nodiscard
#include <mobilenet/model/packed_model.hpp>

void open_and_forget() { mobilenet::packed_model::open("model.mnet"); }
