// says: constraints not satisfied
// says: backend
// says: layers_by_hand
#include <mobilenet/classifier.hpp>

struct layers_by_hand {};

mobilenet::classifier<layers_by_hand>* refused = nullptr;
