#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/block.h"
#include "quota/ledger.h"
#include "tenant/namespace.h"
#include "upstream/pool.h"

namespace mctenant::session {

// A key that outlives the request it came in. Most are short and need no memory of their own.
class KeptKey {
 public:
  void assign(std::string_view key) {
    size_ = static_cast<uint32_t>(key.size());
    if (key.size() > inline_.size()) block_ = base::BlockRef(base::Block::take(key.size()));
    std::memcpy(key.size() > inline_.size() ? block_->data() : inline_.data(), key.data(), key.size());
  }
  [[nodiscard]] std::string_view view() const {
    return {size_ > inline_.size() ? block_->data() : inline_.data(), size_};
  }

 private:
  uint32_t size_ = 0;
  base::BlockRef block_;
  std::array<char, 96> inline_;
};

// A key about which a server is being asked, and the ledger that its answer concerns. Server and ledger
// outlive every request.
struct TrackedKey {
  quota::Ledger* ledger = nullptr;
  upstream::Server* server = nullptr;
  tenant::Generation generation = 0;
  quota::KeyHash hash = 0;
  uint32_t sent = 0;  // the ledger's clock then
  uint32_t prefix_size = 0;
  KeptKey server_key;

  // The key behind the tenant's prefix, as the ledger has it.
  [[nodiscard]] std::string_view tail() const { return server_key.view().substr(prefix_size); }
};

}  // namespace mctenant::session
