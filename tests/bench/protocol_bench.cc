// The codecs towards clients and servers: requests and replies of 100 bytes, keys of 30.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "base/output_queue.h"
#include "protocol/binary_commands.h"
#include "protocol/binary_decoder.h"
#include "protocol/binary_encoder.h"
#include "protocol/meta_encoder.h"
#include "protocol/meta_reply_parser.h"

namespace mctenant::protocol {
namespace {

constexpr uint8_t kGet = 0x00;
constexpr uint8_t kSet = 0x01;
constexpr size_t kMiB = 1024 * 1024;
constexpr std::string_view kKey = "user:session:00000000000000042";
constexpr std::string_view kServerKey = "k3Xw9.17.3:user:session:00000000000000042";
const std::string kValue(100, 'v');

Request request_of(Command command) {
  Request request;
  request.command = command;
  request.key = kKey;
  if (command == Command::set) request.value = {{}, kValue.data(), kValue.size()};
  return request;
}

std::string frame(uint8_t opcode, std::string_view extras, std::string_view value) {
  std::string bytes(kBinaryHeader, '\0');
  bytes[0] = static_cast<char>(kBinaryRequestMagic);
  bytes[1] = static_cast<char>(opcode);
  bytes[3] = static_cast<char>(kKey.size());
  bytes[4] = static_cast<char>(extras.size());
  bytes[11] = static_cast<char>(extras.size() + kKey.size() + value.size());
  return bytes.append(extras).append(kKey).append(value);
}

void decode(benchmark::State& state, const std::string& bytes) {
  BinaryDecoder decoder(kMiB);
  decoder.set_signed_in(true);
  for (auto _ : state) {
    const BinaryDecoder::Result result = decoder.decode(bytes);
    if (result.outcome != BinaryDecoder::Outcome::request) return state.SkipWithError("no request");
    benchmark::DoNotOptimize(result);
  }
}
void BinaryDecodeGet(benchmark::State& state) { decode(state, frame(kGet, "", "")); }
void BinaryDecodeSet(benchmark::State& state) { decode(state, frame(kSet, std::string(8, '\0'), kValue)); }
BENCHMARK(BinaryDecodeGet);
BENCHMARK(BinaryDecodeSet);

void encode(benchmark::State& state, uint8_t opcode, std::string_view value) {
  Reply reply;
  reply.status = Status::ok;
  reply.cas = 123'456'789;
  reply.value = {{}, value.data(), value.size()};
  base::OutputQueue out;
  for (auto _ : state) {
    write_binary_reply(binary_command(opcode), 7, {}, reply, out);
    out.consume(out.size());
  }
}
void BinaryEncodeHit(benchmark::State& state) { encode(state, kGet, kValue); }
void BinaryEncodeStored(benchmark::State& state) { encode(state, kSet, ""); }
BENCHMARK(BinaryEncodeHit);
BENCHMARK(BinaryEncodeStored);

void ask(benchmark::State& state, Command command) {
  const Request request = request_of(command);
  base::OutputQueue out;
  for (auto _ : state) {
    write_meta_request(request, kServerKey, out);
    out.consume(out.size());
  }
}
void MetaEncodeGet(benchmark::State& state) { ask(state, Command::get); }
void MetaEncodeSet(benchmark::State& state) { ask(state, Command::set); }
BENCHMARK(MetaEncodeGet);
BENCHMARK(MetaEncodeSet);

void parse(benchmark::State& state, Command command, const std::string& bytes) {
  for (auto _ : state) {
    const MetaReply found = parse_meta_reply(command, bytes, kMiB);
    if (found.outcome != MetaReply::Outcome::reply) return state.SkipWithError("no reply");
    benchmark::DoNotOptimize(found);
  }
}
void MetaParseHit(benchmark::State& state) {
  parse(state, Command::get, "VA 100 f0 c123456789\r\n" + kValue + "\r\n");
}
void MetaParseMiss(benchmark::State& state) { parse(state, Command::get, "EN\r\n"); }
void MetaParseStored(benchmark::State& state) { parse(state, Command::set, "HD c123456789\r\n"); }
BENCHMARK(MetaParseHit);
BENCHMARK(MetaParseMiss);
BENCHMARK(MetaParseStored);

}  // namespace
}  // namespace mctenant::protocol
