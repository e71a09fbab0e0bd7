// says: constraints not satisfied
// says: backend
// says: operation
// says: noexcept
// says: careless
#include <mobilenet/backends/reference.hpp>
#include <mobilenet/classifier.hpp>

struct careless : mobilenet::reference {
  template <class Layer>
  struct op {
    static mobilenet::result<op> prepare(context&, const Layer&, const mobilenet::weights&);
    void run(context&, const mobilenet::operands&);  // not noexcept
  };
};

mobilenet::classifier<careless>* refused = nullptr;
