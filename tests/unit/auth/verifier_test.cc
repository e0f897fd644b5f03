#include "auth/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/base64.h"

namespace mctenant::auth {
namespace {

using testing::HasSubstr;
using testing::Not;

// What PostgreSQL's and Cyrus's form looks like, made by an independent implementation (Python's hashlib) of
// the password "pencil", with 10,000 iterations and the salt that RFC 7677 uses.
constexpr char kPencil[] =
    "SCRAM-SHA-256$10000:W22ZaJ0SNY7soEsUEjb6gQ==$z4Hg41LinCuBiY125xvXsuoV6QcPtx7/"
    "KArQGOISR9I=:eUaz+XNmezOxVNp1JcGRtdgo/H4FFOk6GbHCbjqg3oQ=";

std::string known_salt() { return *decode_base64("W22ZaJ0SNY7soEsUEjb6gQ=="); }

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(VerifierTest, AgreesWithAnotherImplementation) {
  EXPECT_EQ(format_verifier(make_verifier("pencil", known_salt())), kPencil);
}

TEST(VerifierTest, IsTheSameAfterWritingAndReading) {
  const Verifier verifier = make_verifier("pencil");
  const auto read = parse_verifier(format_verifier(verifier));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, verifier);
}

TEST(VerifierTest, MatchesItsPasswordOnly) {
  const auto verifier = parse_verifier(kPencil);
  ASSERT_TRUE(verifier) << verifier.error().message;
  EXPECT_TRUE(matches(*verifier, "pencil"));
  for (const char* wrong : {"Pencil", "pencil ", "penci", "", "pencils"})
    EXPECT_FALSE(matches(*verifier, wrong));
}

TEST(VerifierTest, TakesPasswordsAsBytes) {
  using namespace std::string_view_literals;
  const Verifier verifier = make_verifier("p\xffss\0word"sv);
  EXPECT_TRUE(matches(verifier, "p\xffss\0word"sv));
  EXPECT_FALSE(matches(verifier, "p\xffss"sv));
  EXPECT_TRUE(matches(make_verifier(""), ""));
  const std::string_view none;
  EXPECT_TRUE(matches(make_verifier(none), ""));
}

TEST(VerifierTest, AreTheSameOnlyInEveryField) {
  const Verifier verifier = make_verifier("pencil", known_salt());
  EXPECT_EQ(verifier, make_verifier("pencil", known_salt()));
  Verifier other = verifier;
  other.salt += "x";
  EXPECT_NE(other, verifier);
  other = verifier;
  ++other.iterations;
  EXPECT_NE(other, verifier);
  for (auto* key : {&other.stored_key, &other.server_key}) {
    other = verifier;
    key->back() ^= 1;
    EXPECT_NE(other, verifier);
  }
}

TEST(VerifierTest, SaltsDiffer) { EXPECT_NE(make_verifier("pencil").salt, make_verifier("pencil").salt); }

TEST(VerifierTest, OtherIterationCountsAreRefused) {
  for (const char* count :
       {"4096", "10001", "010000", "+10000", "", " 10000", "100000000000000000000", "-10000"}) {
    const auto read = parse_verifier(replaced(kPencil, "$10000:", std::string("$") + count + ":"));
    ASSERT_FALSE(read) << count;
    EXPECT_THAT(read.error().message, HasSubstr("iteration count"));
  }
}

TEST(VerifierTest, OtherSchemesAreRefused) {
  for (const char* scheme :
       {"SCRAM-SHA-384$", "SCRAM-SHA-224$", "scram-sha-256$", "SCRAM-SHA-256-PLUS$", "$"}) {
    EXPECT_FALSE(parse_verifier(replaced(kPencil, "SCRAM-SHA-256$", scheme))) << scheme;
  }
  EXPECT_FALSE(parse_verifier("md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
  EXPECT_FALSE(parse_verifier(""));
}

TEST(VerifierTest, TheKeysOfAnotherHashAreRefused) {
  for (const char* scheme : {"SCRAM-SHA-1$", "SCRAM-SHA-512$"}) {
    const auto read = parse_verifier(replaced(kPencil, "SCRAM-SHA-256$", scheme));
    ASSERT_FALSE(read) << scheme;
    EXPECT_THAT(read.error().message, HasSubstr("StoredKey"));
  }
}

// Made by Python's hashlib, as kPencil.
TEST(VerifierTest, EachHashAgreesWithAnotherImplementation) {
  const std::pair<Hash, const char*> kOthers[] = {
      {Hash::sha_1,
       "SCRAM-SHA-1$10000:W22ZaJ0SNY7soEsUEjb6gQ==$IvWxJgPxHF1XHDeICXH52rq/"
       "Sqk=:zRfj0qIcD6mFhbYIzBLChUUvQfI="},
      {Hash::sha_512,
       "SCRAM-SHA-512$10000:W22ZaJ0SNY7soEsUEjb6gQ==$oTENKRKM8dCIK28Bh8xQMpR/D"
       "l39Bkkx5T7vfm2QGQpS0D75nvDvIqTIcsI+2pRTITXxT4OWJ67iUH4MJXz9sA==:InFlwiMBDK+4H6y7"
       "/lNqRBFgv8V7bu/5jVxmjEjHfbT36E14uTmLYkj32bM60Co5H5sufdkfNhfLN8dvgw7LDw=="},
  };
  for (const auto& [hash, written] : kOthers) {
    const Verifier made = make_verifier("pencil", known_salt(), hash);
    EXPECT_EQ(format_verifier(made), written);
    const auto read = parse_verifier(written);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, made);
    EXPECT_EQ(read->hash, hash);
    EXPECT_TRUE(matches(*read, "pencil"));
    EXPECT_FALSE(matches(*read, "Pencil"));
  }
}

TEST(VerifierTest, EveryCutIsRefused) {
  const std::string_view whole = kPencil;
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_verifier(whole.substr(0, length))) << length;
  }
  EXPECT_FALSE(parse_verifier(std::string(whole) + "\n"));
  EXPECT_FALSE(parse_verifier(std::string(whole) + "$"));
}

TEST(VerifierTest, SaltsOfABadLengthAreRefused) {
  Verifier verifier = make_verifier("pencil", known_salt());
  for (const size_t length : {size_t{0}, size_t{7}, size_t{65}}) {
    verifier.salt.assign(length, 's');
    EXPECT_FALSE(parse_verifier(format_verifier(verifier))) << length;
  }
  for (const size_t length : {size_t{8}, size_t{64}}) {
    verifier.salt.assign(length, 's');
    EXPECT_TRUE(parse_verifier(format_verifier(verifier))) << length;
  }
}

TEST(VerifierTest, ErrorsDoNotRepeatTheText) {
  for (const std::string& text :
       {std::string("hunter2"), replaced(kPencil, "10000", "77777"),
        replaced(kPencil, "W22ZaJ0SNY7soEsUEjb6gQ==", "U2VjcmV0"), std::string(kPencil) + "hunter2"}) {
    const auto read = parse_verifier(text);
    ASSERT_FALSE(read);
    for (const char* part : {"hunter2", "77777", "U2VjcmV0", "W22Za"}) {
      EXPECT_THAT(read.error().message, Not(HasSubstr(part)));
    }
  }
}

TEST(Base64Test, AgreesWithTheStandardsExamples) {
  const std::pair<const char*, const char*> kExamples[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : kExamples) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
}

TEST(Base64Test, EveryByteSurvives) {
  std::string bytes;
  for (int i = 255; i >= 0; --i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
}

TEST(Base64Test, OnlyTheOneWayOfWritingIsRead) {
  for (const char* text : {"Zg=", "Zg", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", " Zg==",
                           "Zg==\n", "Zm9-", "Zm_v", "Z=g=", "=Zg="}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mctenant::auth
