#include "net/resolver.h"

#include <utility>

#include "base/work_thread.h"

namespace mctenant::net {

struct Resolver::Impl {
  base::WorkThread thread{base::WorkThread::AtEnd::drop};
};

Resolver::Resolver() : impl_(std::make_unique<Impl>()) {}
Resolver::~Resolver() = default;

void Resolver::resolve(const Address& address, base::Executor& reply_to, Done done) {
  impl_->thread.post([address, &reply_to, done = std::move(done)]() mutable {
    reply_to.post([result = net::resolve(address), done = std::move(done)] { done(result); });
  });
}

}  // namespace mctenant::net
