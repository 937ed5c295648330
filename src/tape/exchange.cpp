// SPDX-License-Identifier: Apache-2.0
#include "p11tape/exchange.hpp"

namespace p11tape::tape {

bool exchange_view::parse(const record_view& record, u64 thread_number, exchange_view& out) noexcept {
  const auto body = record.body;
  if (record.kind != record_kind::exchange || body.size() < sizeof(exchange_facts)) return false;
  const auto at = [&]<class T>(T exchange_facts::*, std::size_t offset) { return load<T>(body, offset); };
#define P11TAPE_FACT(name) at(&exchange_facts::name, offsetof(exchange_facts, name))
  out.function = static_cast<card_call>(P11TAPE_FACT(function));
  constexpr auto command = offsetof(exchange_facts, command);
  out.cla = load<u8>(body, command);
  out.ins = load<u8>(body, command + 1);
  out.p1 = load<u8>(body, command + 2);
  out.p2 = load<u8>(body, command + 3);
  out.flags = P11TAPE_FACT(flags);
  out.status_word = P11TAPE_FACT(status_word);
  out.inner_status = P11TAPE_FACT(inner_status);
  out.result = P11TAPE_FACT(result);
  out.length = P11TAPE_FACT(length);
  out.expected = P11TAPE_FACT(expected);
  out.received = P11TAPE_FACT(received);
  out.control_code = P11TAPE_FACT(control_code);
  out.card = P11TAPE_FACT(card);
  const auto duration = P11TAPE_FACT(duration);
  out.ended = record.time;
  out.began = duration < record.time ? record.time - duration : 0;
  const bool inferred = out.has(exchange_inferred);
  out.call = inferred ? P11TAPE_FACT(caller_call) : record.call;
  out.thread_number = inferred ? P11TAPE_FACT(caller_thread) : out.call != 0 ? thread_number : 0;
  const auto size = P11TAPE_FACT(data_size);
#undef P11TAPE_FACT
  if (size > body.size() - sizeof(exchange_facts)) return false;
  out.data = body.subspan(sizeof(exchange_facts), size);
  return true;
}

}  // namespace p11tape::tape
