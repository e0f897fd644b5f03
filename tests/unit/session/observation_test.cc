#include "session/observation.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "protocol/binary_commands.h"
#include "protocol/text_commands.h"
#include "quota/books.h"
#include "quota/expiry.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Reply;
using protocol::Status;
using ClientFlags = quota::Event::ClientFlags;
using Kind = quota::Event::Kind;
using Step = Operation::Step;

constexpr int64_t kNow = 1'700'000'000;
constexpr std::string_view kServerKey = "x7.1.5:key";
// An item of this key as memcached counts it: header 48, CAS 8, key, its end 1, value, its end 2.
constexpr uint32_t size_of(uint32_t value) { return 48 + 8 + 10 + 1 + value + 2; }
constexpr uint32_t kFlagsBytes = 4;

constexpr Status kStatuses[] = {Status::ok,
                                Status::not_found,
                                Status::exists,
                                Status::too_large,
                                Status::invalid,
                                Status::not_stored,
                                Status::non_numeric,
                                Status::auth_error,
                                Status::unknown_command,
                                Status::out_of_memory,
                                Status::temporary_failure};

// No session waits for the answer; a reference to one is wanted all the same.
ClientSession& nobody() {
  alignas(std::max_align_t) static std::array<std::byte, 64> memory;
  return *reinterpret_cast<ClientSession*>(memory.data());
}

const protocol::CommandRow& row_of(Command command) {
  if (command == Command::meta_get || command == Command::meta_get_and_touch || command == Command::describe)
    return protocol::meta_row(command, false);
  for (const protocol::CommandRow& row : protocol::binary_commands()) {
    if (row.command == command) return row;
  }
  return protocol::binary_command(0xff);
}

class Observation : public testing::Test {
 protected:
  struct Asked {
    Command command = Command::get;
    Step step = Step::single;
    int64_t expiry = 0;
    uint64_t cas = 0;
    uint64_t initial = 0;
    bool create = false;
    uint32_t flags = 0;
    uint64_t value = 0;  // of the item that is stored, with what it grew from
    uint64_t grown_from = 0;
    bool wants_value = false;
    bool tells_expiry = false;
    bool unsettled = false;
    bool invalidate = false;
  };

  // What a reply tells whoever asked so.
  std::optional<quota::Event> told(const Asked& asked, const Reply& reply) {
    protocol::ClientRequest request;
    request.row = &row_of(asked.command);
    request.request.command = asked.command;
    request.request.expiry = asked.expiry;
    request.request.cas = asked.cas;
    request.request.initial = asked.initial;
    request.request.create = asked.create;
    request.request.flags = asked.flags;
    request.request.tells_expiry = asked.tells_expiry;
    request.request.unsettled = asked.unsettled;
    request.request.invalidate = asked.invalidate;
    protocol::MetaReturn wanted{};
    wanted.value = asked.wants_value;
    request.meta = &wanted;
    Operation operation(nobody(), accounting_, request);
    operation.step = asked.step;
    operation.stored_value = asked.value;
    operation.grown_from = asked.grown_from;
    operation.key.server_key.assign(kServerKey);
    operation.key.prefix_size = 7;
    return observe(operation, reply, kNow);
  }
  static Reply with(Status status) {
    Reply reply;
    reply.status = status;
    reply.cas = 77;
    reply.value = {{}, "value", 5};
    return reply;
  }
  // What each status tells; those not named tell nothing.
  void expect_kinds(const Asked& asked, const std::map<Status, Kind>& kinds) {
    for (const Status status : kStatuses) {
      const auto event = told(asked, with(status));
      const auto expected = kinds.find(status);
      ASSERT_EQ(event.has_value(), expected != kinds.end()) << static_cast<int>(status);
      if (event) {
        EXPECT_EQ(event->kind, expected->second) << static_cast<int>(status);
      }
    }
  }

  quota::Books books_{1};
  base::ManualClock clock_;
  Accounting accounting_{books_, 0, clock_};
};

TEST_F(Observation, OfEveryCommandAndStatusIsWhatTheTableSays) {
  const std::map<Status, Kind> reads{{Status::ok, Kind::hit}, {Status::not_found, Kind::missed}};
  const std::map<Status, Kind> touches{{Status::ok, Kind::touched}, {Status::not_found, Kind::missed}};
  // A server that has no room for a store drops what it would have replaced.
  const std::map<Status, Kind> stores{{Status::ok, Kind::stored},
                                      {Status::not_found, Kind::missed},
                                      {Status::not_stored, Kind::missed},
                                      {Status::too_large, Kind::removed},
                                      {Status::out_of_memory, Kind::removed}};
  const std::map<Status, Kind> removals{{Status::ok, Kind::removed}, {Status::not_found, Kind::removed}};
  const std::map<Status, Kind> counts{{Status::ok, Kind::counted}, {Status::not_found, Kind::missed}};
  const std::map<Command, std::map<Status, Kind>> table{
      {Command::get, reads},        {Command::get_and_touch, touches},
      {Command::touch, touches},    {Command::set, stores},
      {Command::add, stores},       {Command::replace, stores},
      {Command::append, stores},    {Command::prepend, stores},
      {Command::remove, removals},  {Command::increment, counts},
      {Command::decrement, counts},
  };
  std::map<Command, bool> seen;
  for (const protocol::CommandRow& row : protocol::binary_commands()) {
    if (row.handling != protocol::Handling::forwarded) continue;
    SCOPED_TRACE(std::string(row.name));
    ASSERT_TRUE(table.contains(row.command)) << "a command that a server carries out tells of its key";
    expect_kinds({.command = row.command}, table.at(row.command));
    seen[row.command] = true;
  }
  EXPECT_EQ(seen.size(), table.size());
}

TEST_F(Observation, OfAProbeIsAllThatIsThereWhateverItWasFor) {
  for (const Command command : {Command::append, Command::prepend}) {
    expect_kinds({.command = command, .step = Step::probing},
                 {{Status::ok, Kind::inspected}, {Status::not_found, Kind::missed}});
  }
}

TEST_F(Observation, OfWhatAStoreTooLargeDropsIsARemoval) {
  for (const uint64_t cas : {0, 9}) {  // the removal is sent without the client's condition
    expect_kinds({.command = Command::set, .step = Step::dropping_old, .cas = cas},
                 {{Status::ok, Kind::removed}, {Status::not_found, Kind::removed}});
  }
}

TEST_F(Observation, OfAReadHasVersionAndSizeButNoExpiry) {
  const auto event = told({.command = Command::get, .expiry = 60}, with(Status::ok));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->cas, 77U);
  EXPECT_EQ(event->size, size_of(5));
  EXPECT_EQ(event->expiry, quota::kUnknownExpiry);
  EXPECT_EQ(event->flags, ClientFlags::none);
}

TEST_F(Observation, OfAnEmptyValueHasTheSizeOfItsKey) {
  Reply reply = with(Status::ok);
  reply.value = {};
  EXPECT_EQ(told({.command = Command::get}, reply)->size, size_of(0));
}

TEST_F(Observation, FlagsOtherThanNoneTakeRoom) {
  Reply reply = with(Status::ok);
  reply.flags = 1;
  reply.number = 5;
  for (const Asked& asked : {Asked{.command = Command::get}, Asked{.command = Command::get_and_touch},
                             Asked{.command = Command::append, .step = Step::probing}}) {
    const auto event = told(asked, reply);
    EXPECT_EQ(event->size, size_of(5) + kFlagsBytes);
    EXPECT_EQ(event->flags, ClientFlags::some);
  }
}

TEST_F(Observation, OfATouchHasTheNewExpiryAndNoSize) {
  const auto event = told({.command = Command::touch, .expiry = 60}, with(Status::ok));
  EXPECT_EQ(event->cas, 77U);
  EXPECT_EQ(event->size, 0U);
  EXPECT_EQ(event->flags, ClientFlags::unknown);
  EXPECT_EQ(event->expiry, kNow + 60);
}

TEST_F(Observation, OfAGetAndTouchHasBoth) {
  const auto event = told({.command = Command::get_and_touch, .expiry = 60}, with(Status::ok));
  EXPECT_EQ(event->cas, 77U);
  EXPECT_EQ(event->size, size_of(5));
  EXPECT_EQ(event->flags, ClientFlags::none);
  EXPECT_EQ(event->expiry, kNow + 60);
}

TEST_F(Observation, ExpiryHasAllOfMemcachedsMeanings) {
  constexpr int64_t kMonth = 60 * 60 * 24 * 30;
  const std::pair<int64_t, uint32_t> cases[] = {{0, 0},
                                                {1, kNow + 1},
                                                {kMonth, kNow + kMonth},
                                                {kNow + 100, kNow + 100},
                                                {kMonth + 1, quota::kExpired},  // 1970
                                                {kNow - 1, quota::kExpired},
                                                {-1, quota::kExpired}};
  for (const auto& [said, meant] : cases) {
    for (const Command command : {Command::set, Command::add, Command::replace, Command::touch,
                                  Command::get_and_touch, Command::increment}) {
      EXPECT_EQ(told({.command = command, .expiry = said}, with(Status::ok))->expiry, meant) << said;
    }
  }
}

TEST_F(Observation, OfAStoreHasTheVersionTheServerGaveAndTheSizeThatWasSent) {
  for (const Command command : {Command::set, Command::add, Command::replace}) {
    const auto event = told({.command = command, .cas = 9, .value = 1000}, with(Status::ok));
    EXPECT_EQ(event->cas, 77U);
    EXPECT_EQ(event->size, size_of(1000));
    EXPECT_EQ(event->flags, ClientFlags::none);
    EXPECT_EQ(event->grown_from, 0U);
    EXPECT_EQ(event->expiry, 0U);
  }
  const auto event = told({.command = Command::set, .flags = 7, .value = 1000}, with(Status::ok));
  EXPECT_EQ(event->size, size_of(1000) + kFlagsBytes);
  EXPECT_EQ(event->flags, ClientFlags::some);
}

TEST_F(Observation, OfAGrowthNamesTheVersionThatItGrewFromWhoseExpiryStays) {
  for (const Command command : {Command::append, Command::prepend}) {
    const auto event =
        told({.command = command, .step = Step::growing, .value = 15, .grown_from = 9}, with(Status::ok));
    EXPECT_EQ(event->kind, Kind::stored);
    EXPECT_EQ(event->cas, 77U);
    EXPECT_EQ(event->size, size_of(15));
    EXPECT_EQ(event->grown_from, 9U);
    EXPECT_EQ(event->expiry, quota::kUnknownExpiry);
  }
}

// It may have gone, or be there as before on a server without memory for more: that must be asked.
TEST_F(Observation, OfAGrowthThatWasNotStoredIsNothing) {
  for (const Command command : {Command::append, Command::prepend}) {
    expect_kinds({.command = command, .step = Step::growing, .value = 15, .grown_from = 9},
                 {{Status::ok, Kind::stored},
                  {Status::not_found, Kind::missed},
                  {Status::too_large, Kind::removed},
                  {Status::out_of_memory, Kind::removed}});
  }
}

TEST_F(Observation, OfARemovalOnConditionNamesTheVersion) {
  const auto unconditional = told({.command = Command::remove}, with(Status::ok));
  EXPECT_EQ(unconditional->kind, Kind::removed);
  const auto conditional = told({.command = Command::remove, .cas = 9}, with(Status::ok));
  EXPECT_EQ(conditional->kind, Kind::removed_version);
  EXPECT_EQ(conditional->cas, 9U);
  // Nothing was there, of any version.
  EXPECT_EQ(told({.command = Command::remove, .cas = 9}, with(Status::not_found))->kind, Kind::removed);
  EXPECT_FALSE(told({.command = Command::remove, .cas = 9}, with(Status::exists)));
}

TEST_F(Observation, OfACountHasTheSizeOfItsDigits) {
  const std::pair<uint64_t, uint32_t> cases[] = {{0, 1},
                                                 {9, 1},
                                                 {10, 2},
                                                 {99, 2},
                                                 {100, 3},
                                                 {9'999'999'999'999'999'999U, 19},
                                                 {10'000'000'000'000'000'000U, 20},
                                                 {18'446'744'073'709'551'615U, 20}};
  for (const auto& [number, digits] : cases) {
    for (const Command command : {Command::increment, Command::decrement}) {
      Reply reply = with(Status::ok);
      reply.number = number;
      const auto event = told({.command = command}, reply);
      EXPECT_EQ(event->cas, 77U);
      EXPECT_EQ(event->size, size_of(digits)) << number;
      EXPECT_EQ(event->flags, ClientFlags::unknown) << "those of what was counted on";
      EXPECT_FALSE(event->created);
    }
  }
}

TEST_F(Observation, ACountMayHaveMadeItsItemOnlyIfItWasToAndTheNumberIsTheFirst) {
  Reply reply = with(Status::ok);
  reply.number = 17;
  EXPECT_TRUE(told({.command = Command::increment, .initial = 17, .create = true}, reply)->created);
  EXPECT_FALSE(told({.command = Command::increment, .initial = 17, .create = false}, reply)->created);
  EXPECT_FALSE(told({.command = Command::increment, .initial = 16, .create = true}, reply)->created);
}

TEST_F(Observation, OfAProbeHasEverythingButFlagsOfTheClientsRequest) {
  Reply reply = with(Status::ok);
  reply.number = 1000;
  reply.expiry = 60;
  const Asked asked{.command = Command::append, .step = Step::probing, .expiry = 5, .flags = 9, .value = 3};
  auto event = told(asked, reply);
  EXPECT_EQ(event->cas, 77U);
  EXPECT_EQ(event->size, size_of(1000));
  EXPECT_EQ(event->flags, ClientFlags::none);
  EXPECT_EQ(event->expiry, kNow + 60);
  reply.expiry = -1;
  event = told(asked, reply);
  EXPECT_EQ(event->expiry, 0U) << "none";
  reply.expiry = 0;
  event = told(asked, reply);
  EXPECT_EQ(event->expiry, kNow) << "in this very second";
}

TEST_F(Observation, AMetaGetIsARead) {
  for (const Command command : {Command::meta_get, Command::meta_get_and_touch}) {
    expect_kinds({.command = command, .unsettled = true},
                 {{Status::ok, Kind::hit}, {Status::not_found, Kind::missed}});
  }
  Reply reply = with(Status::ok);
  reply.number = 9;
  EXPECT_EQ(told({.command = Command::meta_get}, reply)->size, size_of(9));
  EXPECT_EQ(told({.command = Command::meta_get, .wants_value = true}, reply)->size, size_of(5));
  expect_kinds({.command = Command::describe}, {});
}

TEST_F(Observation, AMetaGetThatTouchesTellsTheExpiry) {
  const Asked touching{.command = Command::meta_get_and_touch, .expiry = 60};
  ASSERT_EQ(told(touching, with(Status::ok))->kind, Kind::touched);
  EXPECT_EQ(told(touching, with(Status::ok))->expiry, kNow + 60);
  Asked making = touching;
  making.create = making.tells_expiry = true;
  Reply reply = with(Status::ok);
  reply.expiry = 30;
  EXPECT_EQ(told(making, reply)->kind, Kind::touched);
  EXPECT_EQ(told(making, reply)->expiry, kNow + 30);
  reply.expiry = -1;
  EXPECT_EQ(told(making, reply)->expiry, 0U);
  reply.expiry = 4294967233;  // below zero, as memcached writes it
  EXPECT_EQ(told(making, reply)->expiry, quota::kExpired);
}

TEST_F(Observation, WhatIsNotToBeBumpedIsNotRanked) {
  Reply reply = with(Status::ok);
  reply.expiry = 30;
  const auto event = told({.command = Command::meta_get, .tells_expiry = true}, reply);
  ASSERT_EQ(event->kind, Kind::inspected);
  EXPECT_EQ(event->expiry, kNow + 30);
}

TEST_F(Observation, WhatIsMarkedStaleIsStillThere) {
  expect_kinds({.command = Command::remove, .invalidate = true}, {{Status::not_found, Kind::removed}});
}

}  // namespace
}  // namespace mctenant::session
