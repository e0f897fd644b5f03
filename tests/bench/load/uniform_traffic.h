#pragma once

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
  const char* take(const Sent& sent, const LoadReply& reply) override;

 private:
  const LoadOptions& options_;
  Random random_;
  Zipf zipf_;
  RequestMaker maker_;
};

}  // namespace mctenant::bench
