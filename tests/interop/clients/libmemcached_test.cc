// libmemcached from C++: all that its binary protocol offers, as two tenants.

#include <libmemcached/memcached.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

void check(const char* name, const std::function<void()>& body) {
  try {
    body();
    std::printf("ok %s\n", name);
  } catch (const std::exception& error) {
    std::printf("not ok %s: %s\n", name, error.what());
  }
  std::fflush(stdout);
}

void require(bool condition, std::string_view what) {
  if (!condition) throw std::runtime_error(std::string(what));
}

// A connection to the server as one tenant, with libmemcached's own result codes.
class Client {
 public:
  Client(const std::string& user, const std::string& password)
      : handle_(memcached_create(nullptr), memcached_free) {
    const std::string servers = environment("MEMCACHE_SERVERS");
    const size_t colon = servers.rfind(':');
    behavior(MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);
    behavior(MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    expect(memcached_server_add(get(), servers.substr(0, colon).c_str(),
                                static_cast<in_port_t>(std::stoi(servers.substr(colon + 1)))),
           "server");
    expect(memcached_set_sasl_auth_data(get(), user.c_str(), password.c_str()), "sasl");
  }

  memcached_st* get() { return handle_.get(); }
  void behavior(memcached_behavior_t name, uint64_t value) { memcached_behavior_set(get(), name, value); }

  // Fails the check, with libmemcached's own words, unless `got` is what was expected.
  void expect(memcached_return_t got, std::string_view what,
              memcached_return_t expected = MEMCACHED_SUCCESS) {
    if (got == expected) return;
    throw std::runtime_error(std::string(what) + ": " + memcached_strerror(get(), got) + " instead of " +
                             memcached_strerror(get(), expected));
  }

  using Store = memcached_return_t (*)(memcached_st*, const char*, size_t, const char*, size_t, time_t,
                                       uint32_t);
  memcached_return_t store(Store how, std::string_view key, std::string_view value, time_t expiry = 0,
                           uint32_t flags = 0) {
    return how(get(), key.data(), key.size(), value.data(), value.size(), expiry, flags);
  }
  void set(std::string_view key, std::string_view value, time_t expiry = 0, uint32_t flags = 0) {
    expect(store(memcached_set, key, value, expiry, flags), "set");
  }

  // Nothing for a miss; any other failure fails the check.
  std::optional<std::string> value(std::string_view key, uint32_t* flags = nullptr) {
    size_t length = 0;
    uint32_t its_flags = 0;
    memcached_return_t result = MEMCACHED_FAILURE;
    char* found = memcached_get(get(), key.data(), key.size(), &length, &its_flags, &result);
    if (result == MEMCACHED_NOTFOUND) return std::nullopt;
    expect(result, "get");
    std::string copy(found == nullptr ? "" : found, found == nullptr ? 0 : length);
    std::free(found);
    if (flags != nullptr) *flags = its_flags;
    return copy;
  }

  void expect_value(std::string_view key, std::string_view expected) {
    const std::optional<std::string> found = value(key);
    require(found.has_value(), "a miss of " + std::string(key.substr(0, 40)));
    require(*found == expected, "another value than stored: " + found->substr(0, 60));
  }
  void expect_miss(std::string_view key) {
    const std::optional<std::string> found = value(key);
    require(!found.has_value(), "a hit where a miss was due: " + found.value_or("").substr(0, 60));
  }

  // Fetches many keys in one go; the CAS of the last one is left in `cas`.
  std::map<std::string, std::string> values(const std::vector<std::string>& keys, uint64_t* cas = nullptr) {
    std::vector<const char*> pointers;
    std::vector<size_t> lengths;
    for (const std::string& key : keys) {
      pointers.push_back(key.data());
      lengths.push_back(key.size());
    }
    expect(memcached_mget(get(), pointers.data(), lengths.data(), keys.size()), "mget");
    std::map<std::string, std::string> found;
    memcached_return_t result = MEMCACHED_SUCCESS;
    while (memcached_result_st* item = memcached_fetch_result(get(), nullptr, &result)) {
      found.emplace(std::string(memcached_result_key_value(item), memcached_result_key_length(item)),
                    std::string(memcached_result_value(item), memcached_result_length(item)));
      if (cas != nullptr) *cas = memcached_result_cas(item);
      memcached_result_free(item);
    }
    return found;
  }

 private:
  std::unique_ptr<memcached_st, void (*)(memcached_st*)> handle_;
};

struct Users {
  std::string user = environment("MEMCACHE_USERNAME"), password = environment("MEMCACHE_PASSWORD");
  std::string other = environment("MEMCACHE_OTHER_USERNAME"),
              other_password = environment("MEMCACHE_OTHER_PASSWORD");
};

// Bytes that differ with the size, so that a value of another size never equals the beginning of this one.
std::string filler(size_t size) {
  std::string text = std::to_string(size) + ":";
  while (text.size() < size) text += static_cast<char>(text.size() * 31 % 251);
  text.resize(size);
  return text;
}

void signing_in(const Users& who) {
  const auto refused = [](const std::string& user, const std::string& password) {
    Client client(user, password);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const memcached_return_t result = client.store(memcached_set, "k", "v");
      require(result == MEMCACHED_AUTH_FAILURE || result == MEMCACHED_SERVER_TEMPORARILY_DISABLED,
              memcached_strerror(client.get(), result));
    }
  };
  check("wrong_password", [&] { refused(who.user, who.password + "x"); });
  check("other_tenants_password", [&] { refused(who.user, who.other_password); });
  check("unknown_user", [&] { refused("nobody-" + who.user, who.password); });
}

void reads_and_writes(Client& client) {
  check("set_and_get", [&] {
    uint32_t flags = 0;
    client.set("k", "value", 0, 0xdeadbeef);
    require(client.value("k", &flags) == "value" && flags == 0xdeadbeef, "value or flags differ");
    client.set("k", std::string_view("raw\0\r\nbytes", 11));
    client.expect_value("k", std::string_view("raw\0\r\nbytes", 11));
    client.set("k", "");
    client.expect_value("k", "");
  });
  check("miss", [&] { client.expect_miss("absent"); });
  check("multi_get", [&] {
    std::map<std::string, std::string> expected;
    std::vector<std::string> keys{"absent"};
    for (int i = 0; i < 100; ++i) {
      keys.push_back("multi:" + std::to_string(i));
      expected[keys.back()] = filler(static_cast<size_t>(i * 100));
      client.set(keys.back(), expected[keys.back()]);
    }
    require(client.values(keys) == expected, "the values read back differ");
  });
  check("add_and_replace", [&] {
    client.expect(client.store(memcached_add, "added", "1"), "add");
    client.expect(client.store(memcached_add, "added", "2"), "add", MEMCACHED_DATA_EXISTS);
    client.expect(client.store(memcached_replace, "absent", "1"), "replace", MEMCACHED_NOTFOUND);
    client.expect(client.store(memcached_replace, "added", "3"), "replace");
    client.expect_value("added", "3");
  });
  check("append_and_prepend", [&] {
    client.set("grows", "b", 0, 7);
    client.expect(client.store(memcached_append, "grows", "c"), "append");
    client.expect(client.store(memcached_prepend, "grows", "a"), "prepend");
    uint32_t flags = 0;
    require(client.value("grows", &flags) == "abc" && flags == 7, "value or flags differ");
    client.expect(client.store(memcached_append, "absent", "c"), "append", MEMCACHED_NOTSTORED);
    client.expect(client.store(memcached_prepend, "absent", "c"), "prepend", MEMCACHED_NOTSTORED);
  });
  check("cas", [&] {
    client.behavior(MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
    client.set("cas", "1");
    uint64_t cas = 0;
    require(client.values({"cas"}, &cas).size() == 1 && cas != 0, "no CAS came");
    client.expect(memcached_cas(client.get(), "cas", 3, "2", 1, 0, 0, cas), "cas");
    client.expect(memcached_cas(client.get(), "cas", 3, "3", 1, 0, 0, cas), "stale cas",
                  MEMCACHED_DATA_EXISTS);
    client.expect(memcached_cas(client.get(), "none", 4, "3", 1, 0, 0, cas), "cas of nothing",
                  MEMCACHED_NOTFOUND);
    client.expect_value("cas", "2");
    client.behavior(MEMCACHED_BEHAVIOR_SUPPORT_CAS, 0);
  });
  check("delete", [&] {
    client.set("deleted", "1");
    client.expect(memcached_delete(client.get(), "deleted", 7, 0), "delete");
    client.expect(memcached_delete(client.get(), "deleted", 7, 0), "delete", MEMCACHED_NOTFOUND);
    client.expect_miss("deleted");
  });
}

void counters(Client& client) {
  check("incr_and_decr", [&] {
    uint64_t value = 0;
    const auto is = [&](uint64_t expected) { require(value == expected, "counts " + std::to_string(value)); };
    client.set("n", "40");
    client.expect(memcached_increment(client.get(), "n", 1, 2, &value), "incr");
    is(42);
    client.expect(memcached_decrement(client.get(), "n", 1, 50, &value), "decr");
    is(0);
    client.expect(memcached_increment(client.get(), "absent", 6, 1, &value), "incr", MEMCACHED_NOTFOUND);
    client.expect(memcached_increment_with_initial(client.get(), "made", 4, 5, 10, 3600, &value), "initial");
    is(10);
    client.expect(memcached_increment_with_initial(client.get(), "made", 4, 5, 10, 3600, &value), "initial");
    is(15);
    client.expect(memcached_decrement_with_initial(client.get(), "down", 4, 5, 10, 3600, &value), "initial");
    is(10);
    client.set("big number", "9007199254740993");
    client.expect(memcached_increment(client.get(), "big number", 10, 1, &value), "incr");
    is(9007199254740994);
    client.set("text", "abc");
    require(memcached_increment(client.get(), "text", 4, 1, &value) != MEMCACHED_SUCCESS, "text was counted");
    client.expect_value("text", "abc");
  });
}

void quiet_modes(Client& client, const Users& who) {
  check("noreply", [&] {
    Client quiet(who.user, who.password);
    quiet.behavior(MEMCACHED_BEHAVIOR_NOREPLY, 1);
    for (int i = 0; i < 200; ++i) quiet.store(memcached_set, "quiet:" + std::to_string(i), std::to_string(i));
    memcached_delete(quiet.get(), "quiet:0", 7, 0);
    quiet.store(memcached_append, "quiet:1", "!");
    quiet.store(memcached_add, "quiet:2", "already there");
    quiet.expect_value("quiet:199", "199");
    client.expect_miss("quiet:0");
    client.expect_value("quiet:1", "1!");
    client.expect_value("quiet:2", "2");
  });
  check("buffered", [&] {
    Client buffered(who.user, who.password);
    buffered.behavior(MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);
    for (int i = 0; i < 300; ++i) {
      buffered.expect(buffered.store(memcached_set, "buffered:" + std::to_string(i), std::to_string(i)),
                      "buffered set", MEMCACHED_BUFFERED);
    }
    buffered.expect(memcached_flush_buffers(buffered.get()), "flush of the buffer");
    buffered.expect_value("buffered:299", "299");  // only now are all of them answered
    for (int i = 0; i < 300; ++i) client.expect_value("buffered:" + std::to_string(i), std::to_string(i));
  });
  check("non_blocking", [&] {
    Client direct(who.user, who.password);
    direct.behavior(MEMCACHED_BEHAVIOR_NO_BLOCK, 1);
    for (int i = 0; i < 50; ++i) direct.set("direct:" + std::to_string(i), filler(20000));
    for (int i = 0; i < 50; ++i) direct.expect_value("direct:" + std::to_string(i), filler(20000));
  });
}

void about_the_server(Client& client, const Users& who) {
  check("version", [&] {
    client.expect(memcached_version(client.get()), "version");
    const memcached_instance_st* server = memcached_server_instance_by_position(client.get(), 0);
    require(memcached_server_major_version(server) >= 1, "no version came");
  });
  check("stats", [&] {
    memcached_return_t result = MEMCACHED_FAILURE;
    memcached_stat_st* stats = memcached_stat(client.get(), nullptr, &result);
    client.expect(result, "stats");
    char** keys = memcached_stat_get_keys(client.get(), stats, &result);
    require(keys != nullptr, "no keys of stats");
    std::free(keys);
    require(stats->cmd_set > 0 && stats->get_hits > 0, "nothing was counted");
    memcached_stat_free(client.get(), stats);
  });
  check("quit_and_again", [&] {
    client.set("stays", "here");
    memcached_quit(client.get());
    client.expect_value("stays", "here");
    Client third(who.user, who.password);
    third.expect_value("stays", "here");
  });
  check("exist", [&] {
    client.expect(memcached_exist(client.get(), "stays", 5), "exist");
    client.expect(memcached_exist(client.get(), "absent", 6), "exist", MEMCACHED_NOTFOUND);
  });
}

void keys_of_all_kinds(Client& client) {
  check("unicode_and_binary_keys", [&] {
    for (const std::string& key :
         {std::string("schlüssel"), std::string("with space"), std::string("nul\0nul", 7),
          std::string("line\nfeed"), std::string("\xff\xfe\x80\x81"), filler(250)}) {
      client.set(key, key);
      client.expect_value(key, key);
      require(client.values({key}).count(key) == 1, "the key came back differently");
    }
  });
  check("keys_of_250_bytes", [&] {
    client.set(std::string(250, 'k'), "long");
    client.set(std::string(249, 'k'), "shorter");
    client.expect_value(std::string(250, 'k'), "long");
    client.expect_value(std::string(249, 'k'), "shorter");
  });
}

void sizes(Client& client) {
  const size_t limit = std::stoul(environment("INTEROP_ITEM_LIMIT")),
               over = std::stoul(environment("INTEROP_TOO_BIG"));
  check("biggest_value", [&] {
    const std::string value = filler(limit - 3);
    client.set("big", value);
    client.expect_value("big", value);
  });
  check("too_big", [&] {
    client.set("big", "old");
    const memcached_return_t result = client.store(memcached_set, "big", filler(over - 3));
    require(result == MEMCACHED_E2BIG, memcached_strerror(client.get(), result));
    client.expect_miss("big");
  });
  check("append_too_big", [&] {
    client.set("grown", "old");
    require(client.store(memcached_append, "grown", filler(over - 8)) != MEMCACHED_SUCCESS,
            "append was not refused");
    client.expect_value("grown", "old");
    require(client.store(memcached_prepend, "grown", filler(over - 8)) != MEMCACHED_SUCCESS,
            "prepend was not refused");
    client.expect_value("grown", "old");
  });
}

void flush(Client& client) {
  check("flush", [&] {
    client.set("flushed", "x");
    client.expect(memcached_flush(client.get(), 0), "flush");
    client.expect_miss("flushed");
    client.set("flushed", "y");
    client.expect_value("flushed", "y");
  });
}

void set_to_expire(Client& client) {
  client.set("expires", "soon", 2);
  client.set("touched", "soon");
  client.set("lasts", "long", 3600);
  uint64_t value = 0;
  client.expect(memcached_increment_with_initial(client.get(), "counts", 6, 1, 1, 2, &value), "incr");
  check("touch", [&] {
    client.expect(memcached_touch(client.get(), "touched", 7, 2), "touch");
    client.expect(memcached_touch(client.get(), "absent", 6, 2), "touch", MEMCACHED_NOTFOUND);
    client.expect_value("touched", "soon");
    client.expect_value("expires", "soon");
  });
}

void expiry(Client& client) {
  check("expiry", [&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (const char* key : {"expires", "touched", "counts"}) {
      while (client.value(key).has_value()) {
        require(std::chrono::steady_clock::now() < deadline, std::string(key) + " did not expire");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
    client.expect_value("lasts", "long");
  });
}

void basic(const Users& who) {
  signing_in(who);
  Client client(who.user, who.password);
  flush(client);
  set_to_expire(client);
  reads_and_writes(client);
  counters(client);
  quiet_modes(client, who);
  about_the_server(client, who);
  keys_of_all_kinds(client);
  sizes(client);
  expiry(client);
}

std::vector<std::string> hostile_keys() {
  std::ifstream file(environment("INTEROP_HOSTILE_KEYS"));
  std::vector<std::string> keys;
  for (std::string line; std::getline(file, line);) {
    std::string key;
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      key += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    keys.push_back(key);
  }
  return keys;
}

void isolation(const Users& who) {
  Client mine(who.user, who.password), theirs(who.other, who.other_password);
  check("equal_keys", [&] {
    for (int i = 0; i < 100; ++i) {
      const std::string key = "same:" + std::to_string(i);
      mine.set(key, "mine " + key);
      theirs.set(key, "theirs " + key);
    }
    for (int i = 0; i < 100; ++i) {
      const std::string key = "same:" + std::to_string(i);
      mine.expect_value(key, "mine " + key);
      mine.expect(memcached_delete(mine.get(), key.data(), key.size(), 0), "delete");
      theirs.expect_value(key, "theirs " + key);
    }
  });
  check("hostile_keys", [&] {
    const std::vector<std::string> keys = hostile_keys();
    require(keys.size() > 10, "no hostile keys given");
    for (const std::string& key : keys) {
      mine.expect_miss(key);
      mine.set(key, "mine " + key);
      theirs.expect_miss(key);
      theirs.set(key, "theirs");
      mine.expect_value(key, "mine " + key);
      mine.expect(memcached_delete(mine.get(), key.data(), key.size(), 0), "delete");
      theirs.expect_value(key, "theirs");
      theirs.expect(memcached_delete(theirs.get(), key.data(), key.size(), 0), "delete");
    }
    theirs.expect_value("secret", "of the other tenant");
  });
  check("flush_is_mine_alone", [&] {
    mine.set("x", "1");
    mine.expect(memcached_flush(mine.get(), 0), "flush");
    mine.expect_miss("x");
    theirs.expect_value("same:7", "theirs same:7");
    theirs.expect_value("secret", "of the other tenant");
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Users who;
    argc > 1 && std::string_view(argv[1]) == "isolation" ? isolation(who) : basic(who);
    return 0;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
