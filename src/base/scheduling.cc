#include "base/scheduling.h"

#include <sched.h>

namespace mctenant::base {

void give_way() {
  // Needs no privilege; where it is refused, as under some filters of system calls, nothing is lost but time.
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace mctenant::base
