#pragma once

namespace mctenant::base {

// From now on the calling thread takes no core from a thread that runs, whatever it is woken for: it waits
// until that one sleeps or has had its share. For threads beside the workers, whose work can wait the moment
// that a worker's turn takes, and is then done for all who asked meanwhile. Threads that it starts
// afterwards are bound, too.
void give_way();

}  // namespace mctenant::base
