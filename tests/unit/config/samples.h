#pragma once

#include <string>

#include "config/config.h"

namespace mctenant::config {

// A verifier as it stands in a file; of no password in particular.
inline const std::string kVerifier = "SCRAM-SHA-256$10000:MDEyMzQ1Njc4OWFiY2RlZg==$" + std::string(43, 'A') +
                                     "=:" + std::string(43, 'A') + "=";

inline const std::string kVerifier1 =
    "SCRAM-SHA-1$10000:MDEyMzQ1Njc4OWFiY2RlZg==$" + std::string(27, 'A') + "=:" + std::string(27, 'A') + "=";

inline const std::string kListeners = R"("listeners": [{"address": "127.0.0.1:0"}])";
inline const std::string kPools = R"("pools": {"default": {"servers": ["127.0.0.1:11311"]}})";
inline const std::string kTenants = R"("tenants": {})";

// A configuration that is right, with `more` members, which may not repeat the sections above.
inline std::string with(const std::string& more) {
  return "{" + kListeners + ", " + kPools + ", " + more + "}";
}

inline std::string with_listeners(const std::string& listeners) {
  return R"({"listeners": )" + listeners + ", " + kPools + ", " + kTenants + "}";
}

inline std::string with_pool(const std::string& pool) {
  return "{" + kListeners + R"(, "pools": {"default": )" + pool + "}, " + kTenants + "}";
}

inline std::string with_tenant(const std::string& tenant) {
  return with(R"("tenants": {"acme": )" + tenant + "}");
}

inline std::string with_credential(const std::string& credential) {
  return with_tenant(R"({"credentials": [)" + credential + "]}");
}

inline std::string verified(const std::string& username) {
  return R"({"username": ")" + username + R"(", "verifier": ")" + kVerifier + "\"}";
}

}  // namespace mctenant::config
