#include "tenant/directory.h"

#include <utility>

namespace mctenant::tenant {

Directory::Directory(std::vector<Entry> entries)
    : entries_(std::make_shared<const std::vector<Entry>>(std::move(entries))) {
  for (size_t i = 0; i < entries_->size(); ++i) {
    const Entry& entry = (*entries_)[i];
    by_id_.emplace(entry.tenant->id(), i);
    for (size_t j = 0; j < entry.credentials.size(); ++j) {
      by_username_.emplace(entry.credentials[j].username, Found{i, j});
    }
  }
}

const auth::Verifier* Directory::find_verifier(std::string_view username, auth::Hash hash) const {
  const auto found = by_username_.find(username);
  if (found == by_username_.end()) return nullptr;
  const Credential& credential = (*entries_)[found->second.entry].credentials[found->second.credential];
  if (hash == credential.verifier.hash) return &credential.verifier;
  for (const auth::Verifier& other : credential.others) {
    if (hash == other.hash) return &other;
  }
  return nullptr;
}

const Entry* Directory::find_by_username(std::string_view username) const {
  const auto found = by_username_.find(username);
  return found == by_username_.end() ? nullptr : &(*entries_)[found->second.entry];
}

std::shared_ptr<const Credential> Directory::find_credential(std::string_view username) const {
  const auto found = by_username_.find(username);
  if (found == by_username_.end()) return nullptr;
  return {entries_, &(*entries_)[found->second.entry].credentials[found->second.credential]};
}

const Entry* Directory::find_tenant(TenantId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &(*entries_)[found->second];
}

}  // namespace mctenant::tenant
