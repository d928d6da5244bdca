// Records that the service tells page by page (common/rpc_records.h).
#pragma once

#include <vector>

#include "common/rpc_messages.h"
#include "common/rpc_records.h"
#include "shim/client.h"

namespace ztshim {

template <typename Record>
struct Pages {
  std::vector<Record> records;
  bool may_become_more = false;  // some networks are not up yet
};

// `request_from(n)` is the request for record number n and following.
template <typename Record, typename RequestFrom>
Pages<Record> ask_for_pages(RequestFrom request_from) {
  Pages<Record> pages;
  while (true) {
    const auto first = static_cast<std::uint32_t>(pages.records.size());
    const auto answer = client::ask({{}, request_from(first)});
    if (!answer) return pages;
    const auto kind = answer->reply.kind;
    pages.may_become_more = kind == rpc::Reply::Kind::NotReady;
    if (kind != rpc::Reply::Kind::Done && !pages.may_become_more) return pages;
    ByteView payload = answer->reply.payload.view();
    while (auto record = Record::next(payload)) pages.records.push_back(std::move(*record));
    const bool got_some = pages.records.size() > first;
    if (!got_some || pages.records.size() >= answer->reply.number) return pages;
  }
}

}  // namespace ztshim
