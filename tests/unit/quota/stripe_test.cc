// What each kind of event does to an entry that is absent, older, the same, newer or uncertain.

#include "unit/quota/stripe_fixture.h"

namespace mctenant::quota {
namespace {

using StripeTest = StripeFixture;

// ---- Nothing is known of the key.

TEST_F(StripeTest, AStoredItemIsThere) {
  EXPECT_FALSE(store(7, 100));
  EXPECT_EQ(known(), "7:100");
  EXPECT_EQ(claimed, 100);
  EXPECT_EQ(stripe.usage().items, 1U);
  EXPECT_GT(stripe.usage().memory, 0U);
}

TEST_F(StripeTest, AReadItemIsThereAndItsExpiryIsAskedFor) {
  EXPECT_TRUE(apply(event(Kind::hit, 7, 100)));
  EXPECT_EQ(known(), "7:100");
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, kNow + 10)));
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, AReadItemsExpiryIsLeftToTheCrawlWhileOneRuns) {
  Event hit = event(Kind::hit, 7, 100);
  hit.listing = true;
  EXPECT_FALSE(apply(hit));
  apply(event(Kind::listed, 7, 100, kNow + 10));
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ATouchedItemIsAskedForUnlessItsSizeIsTold) {
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 10)));
  EXPECT_EQ(known(), "none");
  EXPECT_FALSE(apply(event(Kind::touched, 7, 100, kNow + 10)));
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ACountedItemIsThereIfItMayHaveBeenMadeByThatAndIsAskedFor) {
  EXPECT_TRUE(apply(event(Kind::counted, 7, 70)));
  EXPECT_EQ(known(), "none");
  Event created = event(Kind::counted, 8, 70, kNow + 10);
  created.created = true;
  EXPECT_TRUE(apply(created));
  EXPECT_EQ(known(), "8:70?");
  EXPECT_FALSE(apply(event(Kind::inspected, 8, 71, 0)));
  EXPECT_EQ(known(), "8:71");
  EXPECT_TRUE(expire(kNow + 10));
  EXPECT_EQ(known(), "8:71");
}

TEST_F(StripeTest, AnInspectedOrListedItemIsThere) {
  for (const Kind kind : {Kind::inspected, Kind::listed}) {
    key = kind == Kind::inspected ? "inspected" : "listed";
    EXPECT_FALSE(apply(event(kind, 7, 100, 0)));
    EXPECT_EQ(known(), "7:100");
  }
}

TEST_F(StripeTest, WhatIsGoneOfAnUnknownKeyChangesNothing) {
  for (const Kind kind : {Kind::missed, Kind::removed, Kind::removed_version}) {
    EXPECT_FALSE(apply(event(kind, 7)));
    EXPECT_EQ(known(), "none");
    EXPECT_FALSE(vanished);
  }
}

TEST_F(StripeTest, WhatHasExpiredIsNotThere) {
  EXPECT_FALSE(store(7, 100, kExpired));
  EXPECT_FALSE(store(8, 100, kNow));
  EXPECT_EQ(known(), "none");
}

TEST_F(StripeTest, AStoreFromBeforeAnothersRemovalIsUncertain) {
  for (const Kind kind : {Kind::removed, Kind::removed_version}) {
    key = kind == Kind::removed ? "one" : "other";
    const uint32_t sent = stripe.clock();
    EXPECT_FALSE(apply(event(kind, 7, 0, 0, 2, sent)));
    EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
    EXPECT_EQ(known(), "7:100?");
    // The probe's answer is newer than both.
    EXPECT_FALSE(apply(event(Kind::removed)));
    EXPECT_EQ(known(), "none");
  }
}

TEST_F(StripeTest, AStoreFromBeforeAnotherTookItsExpiryAwayIsUncertain) {
  const uint32_t sent = stripe.clock();
  EXPECT_FALSE(apply(event(Kind::touched, 7, 100, kExpired, 2, sent)));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

TEST_F(StripeTest, AStoreFromBeforeAnothersTouchOfWhatWasUnknownIsUncertain) {
  const uint32_t sent = stripe.clock();
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 10, 2, sent)));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

TEST_F(StripeTest, AStoreBehindOnesOwnRemovalIsCertain) {
  const uint32_t sent = stripe.clock();
  apply(event(Kind::removed, 0, 0, 0, 1, sent));
  EXPECT_FALSE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100");
}

TEST_F(StripeTest, AnothersRemovalIsNotForgottenForOnesOwnThatCameLater) {
  const uint32_t sent = stripe.clock();
  apply(event(Kind::removed, 0, 0, 0, 2, sent));
  apply(event(Kind::removed, 0, 0, 0, 1, sent));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

TEST_F(StripeTest, RemovalsAreForgottenInTwoTurns) {
  const uint32_t sent = stripe.clock();
  apply(event(Kind::removed, 0, 0, 0, 2, sent));
  stripe.forget_removals();
  stripe.forget_removals();
  EXPECT_FALSE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
}

TEST_F(StripeTest, WhatIsListedIsNotBelievedIfItWasRemovedSinceTheCrawlBegan) {
  const uint32_t began = stripe.clock();
  apply(event(Kind::removed));
  EXPECT_FALSE(apply(event(Kind::listed, 7, 100, 0, 9, began)));
  EXPECT_EQ(known(), "none");
  EXPECT_FALSE(apply(event(Kind::listed, 7, 100, 0, 9, stripe.clock())));
  EXPECT_EQ(known(), "7:100");
}

// ---- An older version is known.

TEST_F(StripeTest, AStoreReplacesAnOlderVersionAndItsExpiry) {
  store(7, 100, kNow + 5);
  EXPECT_FALSE(store(8, 60, kNow + 10));
  EXPECT_EQ(known(), "8:60");
  EXPECT_EQ(claimed, 60);
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, AReadOfANewerVersionReplacesItAndAsksForItsExpiry) {
  store(7, 100, kNow + 5);
  EXPECT_TRUE(apply(event(Kind::hit, 8, 60)));
  EXPECT_EQ(known(), "8:60");
}

TEST_F(StripeTest, ATouchOfANewerVersionOfUnknownSizeIsUncertain) {
  store(7, 100);
  EXPECT_TRUE(apply(event(Kind::touched, 8, 0, kNow + 10)));
  EXPECT_EQ(known(), "8:100?");
  EXPECT_FALSE(apply(event(Kind::inspected, 8, 60, kNow + 10)));
  EXPECT_EQ(known(), "8:60");
}

TEST_F(StripeTest, AnAppendToTheKnownVersionKeepsItsExpiry) {
  store(7, 100, kNow + 10);
  Event grown = event(Kind::stored, 8, 110);
  grown.grown_from = 7;
  EXPECT_FALSE(apply(grown));
  EXPECT_EQ(known(), "8:110");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, AnAppendToAVersionOfUnknownExpiryAsksForIt) {
  Event hit = event(Kind::hit, 7, 100);
  hit.listing = true;
  EXPECT_FALSE(apply(hit));
  Event grown = event(Kind::stored, 8, 110);
  grown.grown_from = 7;
  EXPECT_TRUE(apply(grown));
}

TEST_F(StripeTest, AnExpiryThatNoCrawlToldIsAskedForWithTheNextRead) {
  Event hit = event(Kind::hit, 7, 100);
  hit.listing = true;
  EXPECT_FALSE(apply(hit));
  EXPECT_FALSE(apply(hit));
  EXPECT_TRUE(apply(event(Kind::hit, 7, 100)));
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, 0)));
  EXPECT_FALSE(apply(event(Kind::hit, 7, 100)));
}

TEST_F(StripeTest, AnAppendToAnotherVersionAsksForItsExpiry) {
  store(7, 100, kNow + 10);
  Event grown = event(Kind::stored, 9, 110);
  grown.grown_from = 8;
  EXPECT_TRUE(apply(grown));
}

TEST_F(StripeTest, ATouchOfTheVersionBeforeAnAppendMakesItsExpiryUncertain) {
  store(7, 100, kNow + 10);
  const uint32_t sent = stripe.clock();
  Event grown = event(Kind::stored, 8, 110, kUnknownExpiry, 1, sent);
  grown.grown_from = 7;
  EXPECT_FALSE(apply(grown));
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 99, 2, sent)));
  EXPECT_EQ(known(), "8:110?");
}

TEST_F(StripeTest, AnOpenQuestionStaysOpenOverAnAppend) {
  store(7, 100, kNow + 10);
  const uint32_t sent = stripe.clock();
  apply(event(Kind::touched, 7, 0, kNow + 20, 1, sent));
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 30, 2, sent)));
  Event grown = event(Kind::stored, 8, 110, kUnknownExpiry, 1, stripe.clock());
  grown.grown_from = 7;
  EXPECT_TRUE(apply(grown));
  EXPECT_EQ(known(), "8:110?");
}

TEST_F(StripeTest, CountingKeepsExpiryAndSizeWhileTheNumberIsNotLonger) {
  store(7, 72, kNow + 10);
  EXPECT_FALSE(apply(event(Kind::counted, 8, 68)));
  EXPECT_EQ(known(), "8:72?");  // another version may have been between
  EXPECT_FALSE(apply(event(Kind::hit, 8, 72)));
  EXPECT_EQ(known(), "8:72");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ALongerNumberMakesALargerItemWithItsFlags) {
  for (const Flags flags : {Flags::none, Flags::some, Flags::unknown}) {
    Event stored = event(Kind::stored, 7, 70, 0);
    stored.flags = flags;
    key = "flags " + std::to_string(static_cast<int>(flags));
    stored.hash = hash_of(1, key);
    stored.key = key;
    apply(stored);
    EXPECT_EQ(apply(event(Kind::counted, 8, 71)), flags == Flags::unknown);
    EXPECT_EQ(known(), flags == Flags::some ? "8:75?" : "8:71?");
  }
}

TEST_F(StripeTest, OfACountedItemOnlyAReadTellsTheFlags) {
  Event stored = event(Kind::stored, 7, 72, 0);
  stored.flags = Flags::none;
  apply(stored);
  EXPECT_EQ(known_flags(), Flags::none);
  apply(event(Kind::counted, 8, 68));
  // The size may be the same by chance: a version between may have had a shorter value, and flags.
  EXPECT_FALSE(apply(event(Kind::inspected, 8, 72, 0)));
  EXPECT_EQ(known(), "8:72");
  EXPECT_EQ(known_flags(), Flags::unknown);
  Event hit = event(Kind::hit, 8, 72);
  hit.flags = Flags::some;
  apply(hit);
  EXPECT_EQ(known_flags(), Flags::some);
}

TEST_F(StripeTest, ANumberThatMayBeNewIsAskedFor) {
  store(7, 72, kNow + 10);
  Event created = event(Kind::counted, 8, 68, kNow + 20);
  created.created = true;
  EXPECT_TRUE(apply(created));
  EXPECT_EQ(known(), "8:72?");
}

TEST_F(StripeTest, AVersionBetweenThatComesLateMakesACountedItemUncertain) {
  store(5, 100, kNow + 10);
  const uint32_t sent = stripe.clock();
  EXPECT_FALSE(apply(event(Kind::counted, 9, 68, kUnknownExpiry, 1, sent)));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 70, 0, 2, sent)));
  EXPECT_EQ(known(), "9:100?");
  EXPECT_FALSE(apply(event(Kind::inspected, 9, 70, 0)));
  EXPECT_EQ(known(), "9:70");
  EXPECT_TRUE(expire(kNow + 10));
  EXPECT_EQ(known(), "9:70");
}

TEST_F(StripeTest, AnInspectedOrListedNewerVersionReplacesIt) {
  for (const Kind kind : {Kind::inspected, Kind::listed}) {
    key = kind == Kind::inspected ? "inspected" : "listed";
    store(7, 100, kNow + 5);
    EXPECT_FALSE(apply(event(kind, 8, 60, kNow + 10)));
    EXPECT_EQ(known(), "8:60");
  }
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ARemovalTakesIt) {
  for (const Kind kind : {Kind::missed, Kind::removed}) {
    store(kind == Kind::missed ? 7 : 8);
    EXPECT_FALSE(apply(event(kind)));
    EXPECT_EQ(known(), "none");
    EXPECT_TRUE(vanished);
    EXPECT_EQ(claimed, 0);
  }
}

TEST_F(StripeTest, ARemovalOfANewerOrTheSameVersionTakesItAndOneOfAnOlderDoesNot) {
  store(7);
  EXPECT_FALSE(apply(event(Kind::removed_version, 8)));
  EXPECT_EQ(known(), "none");
  store(9);
  EXPECT_FALSE(apply(event(Kind::removed_version, 9)));
  EXPECT_EQ(known(), "none");
  store(11);
  EXPECT_FALSE(apply(event(Kind::removed_version, 10)));
  EXPECT_EQ(known(), "11:100");
}

TEST_F(StripeTest, AConditionalRemovalIsSureHoweverRepliesCross) {
  const uint32_t sent = stripe.clock();
  store(7);
  EXPECT_FALSE(apply(event(Kind::removed_version, 7, 0, 0, 2, sent)));
  EXPECT_EQ(known(), "none");
}

// ---- The same version is known.

TEST_F(StripeTest, AReadOrAStoreOfTheKnownVersionChangesNothing) {
  store(7, 100, kNow + 10);
  EXPECT_FALSE(apply(event(Kind::hit, 7, 100)));
  EXPECT_FALSE(apply(event(Kind::stored, 7, 100, kNow + 99, 2, 0)));
  EXPECT_FALSE(apply(event(Kind::counted, 7, 99)));
  EXPECT_EQ(known(), "7:100");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, AReadTellsTheSizeAndTheFlagsOfTheKnownVersion) {
  store(7, 100);
  EXPECT_EQ(known_flags(), Flags::unknown);
  Event hit = event(Kind::hit, 7, 104);
  hit.flags = Flags::some;
  EXPECT_FALSE(apply(hit));
  EXPECT_EQ(known(), "7:104");
  EXPECT_EQ(known_flags(), Flags::some);
}

TEST_F(StripeTest, TheStoresReplyTellsTheExpiryOfWhatAnotherHasReadButIsAskedForAgain) {
  const uint32_t sent = stripe.clock();
  EXPECT_TRUE(apply(event(Kind::hit, 7, 100, kUnknownExpiry, 2, sent)));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, kNow + 10, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, kNow + 20)));
  EXPECT_TRUE(is_gone_at(kNow + 20));
}

TEST_F(StripeTest, ATouchGivesItsExpiry) {
  store(7, 100, kNow + 5);
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kNow + 10)));
  EXPECT_EQ(known(), "7:100");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ATouchToNothingRemovesIt) {
  store(7);
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kExpired)));
  EXPECT_EQ(known(), "none");
  EXPECT_TRUE(vanished);
}

TEST_F(StripeTest, TouchesThatCrossAreUncertainUntilAProbeThatWasSentAfterBoth) {
  store(7, 100);
  const uint32_t sent = stripe.clock();
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kNow + 10, 1, sent)));
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 20, 2, sent)));
  EXPECT_EQ(known(), "7:100?");
  const uint32_t after = stripe.clock();
  // One that was sent before tells nothing, whoever sent it.
  for (const Observer by : {Observer{1}, Observer{2}, Observer{3}}) {
    EXPECT_TRUE(apply(event(Kind::inspected, 7, 100, kNow + 30, by, sent)));
    EXPECT_EQ(known(), "7:100?");
  }
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, kNow + 10, 2, after)));
  EXPECT_EQ(known(), "7:100");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ATouchThatCrossesAnothersTouchOfWhatWasUnknownIsUncertain) {
  const uint32_t sent = stripe.clock();
  apply(event(Kind::touched, 7, 0, kNow + 10, 2, sent));
  apply(event(Kind::stored, 7, 100, 0, 1, sent));
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, kNow + 10, 2, stripe.clock())));
  EXPECT_EQ(known(), "7:100");
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 20, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

TEST_F(StripeTest, TouchesOneAfterTheOtherAreCertain) {
  store(7, 100);
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kNow + 10, 1, stripe.clock())));
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kNow + 20, 2, stripe.clock())));
  EXPECT_FALSE(apply(event(Kind::touched, 7, 0, kNow + 30, 2, 0)));  // its own are in order
  EXPECT_EQ(known(), "7:100");
}

TEST_F(StripeTest, AMissThatCrossesAStoreIsUncertain) {
  for (const Kind kind : {Kind::missed, Kind::removed}) {
    key = kind == Kind::missed ? "missed" : "removed";
    const uint32_t sent = stripe.clock();
    apply(event(Kind::stored, 7, 100, 0, 1, sent));
    EXPECT_TRUE(apply(event(kind, 0, 0, 0, 2, sent)));
    EXPECT_EQ(known(), "7:100?");
    EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, 0, 2, stripe.clock())));
    EXPECT_EQ(known(), "7:100");
  }
}

TEST_F(StripeTest, AListedLineCorrectsWhatWasLearnedBeforeTheCrawl) {
  store(7, 100, kNow + 5);
  EXPECT_FALSE(apply(event(Kind::listed, 7, 104, kNow + 10, 9, stripe.clock())));
  EXPECT_EQ(known(), "7:104");
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, AListedLineDoesNotUndoWhatWasLearnedSince) {
  const uint32_t began = stripe.clock();
  store(7, 100);
  apply(event(Kind::touched, 7, 0, kNow + 10));
  EXPECT_FALSE(apply(event(Kind::listed, 7, 100, kNow + 5, 9, began)));
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

// ---- A newer version is known.

TEST_F(StripeTest, WhatTellsOfAnOlderVersionChangesNothing) {
  store(8, 60, kNow + 10);
  for (const Kind kind :
       {Kind::stored, Kind::hit, Kind::touched, Kind::counted, Kind::inspected, Kind::listed}) {
    EXPECT_FALSE(apply(event(kind, 7, 100, kNow + 5, 2, 0)));
    EXPECT_EQ(known(), "8:60");
  }
  EXPECT_TRUE(is_gone_at(kNow + 10));
}

TEST_F(StripeTest, ALaterProcessOfTheServerIsNewerWhateverItsCas) {
  store(1000, 100);
  source = kSource + 1;
  EXPECT_FALSE(store(1, 60));
  EXPECT_EQ(known(), "1:60");
  source = kSource;
  EXPECT_FALSE(store(1001, 100));
  EXPECT_EQ(known(), "1:60");
  EXPECT_FALSE(apply(event(Kind::removed)));
  EXPECT_EQ(known(), "1:60");
  source = kSource + 2;
  EXPECT_FALSE(apply(event(Kind::missed)));
  EXPECT_EQ(known(), "none");
}

TEST_F(StripeTest, AStoreFromBeforeAnotherTouchedItToNothingIsUncertain) {
  const uint32_t sent = stripe.clock();
  store(5);
  EXPECT_FALSE(apply(event(Kind::touched, 7, 100, kExpired, 2, sent)));
  EXPECT_EQ(known(), "none");
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

TEST_F(StripeTest, ANumberThatIsLongerOnlyWithFlagsIsAskedForWhileTheyAreUnknown) {
  store(7, 72);
  EXPECT_TRUE(apply(event(Kind::counted, 8, 70)));  // 74 with flags
  EXPECT_EQ(known(), "8:72?");
  EXPECT_FALSE(apply(event(Kind::inspected, 8, 74, 0)));
  EXPECT_EQ(known(), "8:74");
}

TEST_F(StripeTest, AServersNoneIsBelievedOfAnItemWhoseExpiryWasUncertain) {
  store(7, 100);
  const uint32_t sent = stripe.clock();
  apply(event(Kind::touched, 7, 0, 0, 1, sent));
  EXPECT_TRUE(apply(event(Kind::touched, 7, 0, kNow + 10, 2, sent)));
  EXPECT_FALSE(apply(event(Kind::inspected, 7, 100, 0)));
  EXPECT_TRUE(expire(kNow + 10));
  EXPECT_EQ(known(), "7:100");
}

// ---- The clock.

TEST(StripeClock, LaterIsByAge) {
  EXPECT_TRUE(later(10, 9, 20));
  EXPECT_FALSE(later(9, 9, 20));
  EXPECT_FALSE(later(8, 9, 20));
  // Around the end of the numbers.
  EXPECT_TRUE(later(3, UINT32_MAX, 5));
  EXPECT_FALSE(later(UINT32_MAX, 3, 5));
  // What was learned half the numbers ago, or almost all of them, is not later than what was sent just now.
  EXPECT_FALSE(later(1, 0x8000'0005, 0x8000'0006));
  EXPECT_FALSE(later(1, UINT32_MAX - 2, UINT32_MAX - 1));
}

}  // namespace
}  // namespace mctenant::quota
