#include "tenant/directory.h"

#include <utility>

namespace mctenant::tenant {

Directory::Directory(std::vector<Entry> entries) : entries_(std::move(entries)) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto& credentials = entries_[i].credentials;
    for (size_t j = 0; j < credentials.size(); ++j) {
      by_username_.emplace(credentials[j].username, Found{i, j});
    }
  }
}

const auth::Verifier* Directory::find_verifier(std::string_view username) const {
  const auto found = by_username_.find(username);
  if (found == by_username_.end()) return nullptr;
  return &entries_[found->second.entry].credentials[found->second.credential].verifier;
}

const Entry* Directory::find_by_username(std::string_view username) const {
  const auto found = by_username_.find(username);
  return found == by_username_.end() ? nullptr : &entries_[found->second.entry];
}

}  // namespace mctenant::tenant
