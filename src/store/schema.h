#pragma once

#include "base/error.h"
#include "store/sqlite.h"

namespace mctenant::store {

// Makes the tables of an empty file, or brings those of an older version up to date, all or nothing. Refuses
// a file of a newer version and one of another program, and changes neither.
[[nodiscard]] base::Expected<void> migrate(Database& database);

}  // namespace mctenant::store
