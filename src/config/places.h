#pragma once

#include <vector>

#include "config/config.h"

namespace mctenant::config {

// Warnings of what mctenant could not open on this machine, since its folder is missing: the state and the
// unix sockets of listeners. Not a fault, as the folder may be made later, or the file be meant for another
// machine.
[[nodiscard]] std::vector<Finding> missing_places(const Config& config);

}  // namespace mctenant::config
