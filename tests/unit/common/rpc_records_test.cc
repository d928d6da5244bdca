#include "common/rpc_records.h"

#include <gtest/gtest.h>

#include "common/rpc_messages.h"

namespace ztshim::rpc {
namespace {

InterfaceRecord interface_record() {
  return {1'000'001,      0x11043,
          2800,           0x4200'1122'3344,
          "zt0123456789", {*IpPrefix::parse("10.147.17.5/24"), *IpPrefix::parse("fe80::1/64")}};
}

ResolverRecord resolver_record() {
  return {"corp.example",
          "zt0123456789",
          {{*IpAddress::parse("10.147.17.1"), true}, {*IpAddress::parse("2001:db8::53"), false}}};
}

template <typename Record>
void comes_back(const Record& record) {
  Bytes payload;
  record.append_to(payload);
  record.append_to(payload);
  ByteView rest = payload;
  EXPECT_EQ(Record::next(rest), record);
  EXPECT_EQ(Record::next(rest), record);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(Record::next(rest), std::nullopt);
}

template <typename Record>
void is_refused_when_cut(const Record& record) {
  Bytes payload;
  record.append_to(payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    ByteView part = ByteView(payload).first(size);
    EXPECT_EQ(Record::next(part), std::nullopt) << size;
    EXPECT_EQ(part.size(), size) << "nothing was taken";
  }
}

TEST(RpcRecords, ComeBackAsTheyWereWritten) {
  comes_back(interface_record());
  comes_back(resolver_record());
}

TEST(RpcRecords, AreRefusedWhenCut) {
  is_refused_when_cut(interface_record());
  is_refused_when_cut(resolver_record());
}

TEST(RpcRecords, RefuseWhatCannotBe) {
  Bytes payload;
  InterfaceRecord record = interface_record();
  record.addresses[0].bits = 33;
  record.append_to(payload);
  ByteView rest = payload;
  EXPECT_EQ(InterfaceRecord::next(rest), std::nullopt);
  payload.clear();
  interface_record().append_to(payload);
  payload[18] = 200;  // the name's size
  rest = payload;
  EXPECT_EQ(InterfaceRecord::next(rest), std::nullopt);
}

TEST(RpcRecords, TheLargestFitIntoAPayload) {
  InterfaceRecord interface = interface_record();
  interface.name.assign(99, 'x');
  interface.addresses.assign(1000, *IpPrefix::parse("fd00::1/64"));
  Bytes payload;
  interface.append_to(payload);
  EXPECT_LE(payload.size(), kMaxPayload);
  ResolverRecord resolver = resolver_record();
  resolver.domain.assign(999, 'x');
  resolver.servers.assign(1000, {*IpAddress::parse("fd00::1"), true});
  payload.clear();
  resolver.append_to(payload);
  EXPECT_LE(payload.size(), kMaxPayload);
}

}  // namespace
}  // namespace ztshim::rpc
