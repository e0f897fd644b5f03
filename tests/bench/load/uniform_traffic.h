#pragma once

#include <span>
#include <vector>

#include "client/random.h"
#include "load/request_maker.h"
#include "load/traffic.h"

namespace mctenant::bench {

// Gets and sets of values of one size, in one proportion, of keys drawn by Zipf's law; for all connections of
// a thread.
class UniformTraffic : public Traffic {
 public:
  UniformTraffic(const LoadOptions& options, uint64_t seed);

  uint64_t keys() const override { return options_.keys; }
  Sent append_next(std::string& out, uint32_t opaque) override;
  Sent append_set(std::string& out, uint64_t key, uint32_t opaque) override;
  // `size` requests at once, the gets of them as one multi-get behind the sets. Valid until the next call.
  std::span<const Sent> append_batch(std::string& out, size_t size, uint32_t opaque);
  const char* take(const Sent& sent, const LoadReply& reply) override;

 private:
  const LoadOptions& options_;
  Random random_;
  Zipf zipf_;
  RequestMaker maker_;
  std::vector<Sent> batch_;
};

}  // namespace mctenant::bench
