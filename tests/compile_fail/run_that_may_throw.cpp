// says: constraints not satisfied
// says: backend
// says: prepared_layer
// says: noexcept
// says: careless
#include <mobilenet/backends/reference.hpp>
#include <mobilenet/classifier.hpp>

struct careless : mobilenet::reference {
  struct dense : mobilenet::reference::dense {
    static mobilenet::result<dense> prepare(context&, const mobilenet::layers::dense&,
                                            const mobilenet::packed_weights&);
    void run(context&, const float* in, float* out);  // not noexcept
  };
};

mobilenet::classifier<careless>* refused = nullptr;
