// SPDX-License-Identifier: Apache-2.0
#include "replay/runner.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

#include "capture/host/clock.hpp"
#include "model/extract.hpp"
#include "render/render.hpp"
#include "replay/differences.hpp"
#include "replay/handles.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::replay {

using cryptoki::effect;
using cryptoki::function;

namespace {

// NSS has its configuration where the standard has pReserved, and a pointer of its own behind it, which it reads.
struct initialize_args : CK_C_INITIALIZE_ARGS {
  CK_VOID_PTR behind = nullptr;
};

initialize_args with_init_args(const CK_C_INITIALIZE_ARGS& a, const std::string& text) {
  initialize_args longer{a, nullptr};
  longer.pReserved = text.empty() ? nullptr : const_cast<char*>(text.c_str());
  return longer;
}

}  // namespace

struct runner::hand {
  explicit hand(const reencode::encoding_room& room) : encoded(room) {}
  arena memory;
  argument_list arguments;
  reencode::encoded_call encoded;
};

runner::runner(const plan& p, const settings& how, const module& m, results& out)
    : plan_(p),
      how_(how),
      module_(m),
      out_(out),
      world_(p, m, how.tokens),
      encoding_(reencode::recorder_profile(*p.tape)),
      order_(p.steps.size()),
      broken_(p.operations) {
  for (const auto& s : plan_.steps)
    if (!s.prepares) {
      tape_start_ = s.call.start();
      break;
    }
}

bool runner::run() {
  begin();
  if (how_.one_thread || plan_.lanes <= 1) {
    work(no_thing);
  } else {
    std::vector<std::thread> threads;
    threads.reserve(plan_.lanes);
    for (u32 lane = 0; lane < plan_.lanes; ++lane) threads.emplace_back([this, lane] { work(lane); });
    for (auto& t : threads) t.join();
  }
  finish();
  return !diverged_;
}

// What the tape does not begin.
void runner::begin() {
  if (!plan_.begins_late) return;
  CK_RV rv = CKR_GENERAL_ERROR;
  world_.ask([&] {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    auto longer = with_init_args(arguments, how_.init_args);
    const auto* f = module_.list();
    if (f->C_Initialize != nullptr) rv = f->C_Initialize(&longer);
  });
  if (rv != CKR_OK)
    return fail("C_Initialize, which is not the first call of the tape, returned " + render::return_name(rv));
  initialised_ = true;
  told_ = world_.find_slots();
  out_.set_notes(told_);
}

// ... and what it does not end.
void runner::finish() {
  if (!initialised_) return;
  world_.ask([&] {
    const auto* f = module_.list();
    if (f->C_Finalize != nullptr) f->C_Finalize(nullptr);
  });
}

void runner::fail(const std::string& why) {
  if (out_.trouble().empty()) out_.set_trouble(why);
  order_.stop();
}

// The calls of one thread, or of all.
void runner::work(u32 lane) {
  hand with(encoding_);
  for (u32 i = 0; i < plan_.steps.size(); ++i) {
    const auto& s = plan_.steps[i];
    if (lane != no_thing && s.lane != lane) continue;
    if (s.call.number > plan_.last) break;
    if (s.why) {
      leave_out(i, s.why);
    } else {
      if (lane != no_thing && !order_.wait_for(s.needs)) break;
      if (!wait_for_pace(s) || order_.stopped()) break;
      make(with, i);
    }
    order_.end(s.rank);
  }
  // What is not reached has to keep nobody waiting.
  for (u32 i = 0; i < plan_.steps.size(); ++i)
    if (lane == no_thing || plan_.steps[i].lane == lane) order_.end(plan_.steps[i].rank);
}

bool runner::wait_for_pace(const step& s) {
  if (how_.pace <= 0 || s.prepares) return true;
  std::call_once(clock_started_, [&] { clock_start_ = std::chrono::steady_clock::now(); });
  if (s.call.start() <= tape_start_) return true;
  const auto pause = std::min(static_cast<double>(s.call.start() - tape_start_) * how_.pace, 1e17);
  return order_.wait_until(clock_start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(pause)));
}

void runner::leave_out(u32 index, const skip_reason& why) {
  auto& r = out_[index];
  r.why = why.what;
  r.because = why.because;
  out_.keep(why.detail, r.text, r.size);
  r.is = outcome::left_out;
  break_operations(plan_.steps[index]);
}

void runner::break_operations(const step& s) {
  for (const auto o : s.operations)
    if (o != no_thing) {
      model::call_number expected;  // none so far
      broken_[o].compare_exchange_strong(expected, s.call.number);
    }
}

void runner::make(hand& with, u32 index) {
  if (ready(with, index)) call(with, index);
}

// Builds the arguments. False where the call cannot be made.
bool runner::ready(hand& with, u32 index) {
  const auto& s = plan_.steps[index];
  for (const auto o : s.operations)
    if (o != no_thing)
      if (const auto by = broken_[o].load(); by != model::none)
        return leave_out(index, {reason::depends, by, {}}), false;
  if (hands_out_lists(s.role.which) && !module_.has(s.role.which))
    return leave_out(index, {reason::no_export, model::none, {}}), false;
  std::string_view pin;
  if (s.pin == pin_kind::user || s.pin == pin_kind::so) {
    const bool so = s.pin == pin_kind::so;
    if (so ? !how_.has_so_pin : !how_.has_user_pin) {
      out_[index].is = outcome::no_pin;
      order_.stop();
      return false;
    }
    pin = so ? how_.so_pin : how_.user_pin;
  }
  handle_translator handles(plan_, world_, s);
  const auto why = build_arguments(plan_.tape->rows(), s.call.arguments(), pin, handles, with.memory, with.arguments);
  if (why || handles.why()) return leave_out(index, why ? why : handles.why()), false;
  auto& words = with.arguments.words;
  // How many slots there are is a matter of the machine: there is room for all of them where the tape had enough.
  if (s.role.which == function::C_GetSlotList && words[1] != 0 && words[2] != 0 && s.call.ended() &&
      s.call.return_value() == CKR_OK) {
    auto& room = *cryptoki::from_word<CK_ULONG*>(words[2]);
    room = std::max<CK_ULONG>(room, world_.slot_count() + 16);
    words[1] = cryptoki::to_word(with.memory.take(room * sizeof(CK_SLOT_ID)));
  }
  if (s.role.does == effect::initialize && with.arguments.dropped_pointer && !how_.init_args.empty()) {
    if (auto* room = with.memory.take(sizeof(initialize_args))) {
      words[0] = cryptoki::to_word(new (room) initialize_args(
          with_init_args(*cryptoki::from_word<const CK_C_INITIALIZE_ARGS*>(words[0]), how_.init_args)));
      with.arguments.dropped_pointer = false;
    }
  }
  if (s.role.does == effect::find_begin && s.search != no_thing)
    world_.find_objects(plan_.searches[s.search], words.data());
  return true;
}

void runner::call(hand& with, u32 index) {
  const auto& s = plan_.steps[index];
  const auto f = s.role.which;
  auto& r = out_[index];
  const auto& words = with.arguments.words;
  r.synthesised = with.arguments.synthesised;
  with.encoded.enter(f, words.data());
  r.begin = capture::now();
  r.is.store(outcome::running, std::memory_order_release);
  const CK_RV value = module_.call(f, words);
  r.end = capture::now();
  r.value = value;
  with.encoded.leave(f, words.data(), value);
  adopt(with, index, value);
  compare(with, index, value);
  with.memory.clear();
}

// What the call has given and ended.
void runner::adopt(const hand& with, u32 index, u64 value) {
  const auto& s = plan_.steps[index];
  if (value != CKR_OK) return;
  const auto& words = with.arguments.words;
  const auto handle_at = [&](std::int8_t argument) -> u64 {
    const auto word = argument >= 0 ? words[static_cast<std::size_t>(argument)] : 0;
    return word != 0 ? *cryptoki::from_word<CK_ULONG*>(word) : model::all_ones;
  };
  switch (s.role.does) {
    case effect::initialize:
      initialised_ = true;
      told_ = world_.find_slots();
      out_.set_notes(told_);
      break;
    case effect::finalize:
      initialised_ = false;
      world_.close_all(model::none);
      break;
    case effect::close_session:
      if (s.uses[0].thing != no_thing) world_.close(s.uses[0].thing);
      break;
    case effect::close_all_sessions:
      world_.close_all(model::slot_id(s.uses[0].recorded));
      break;
    case effect::open_session:
      if (s.opens != no_thing) world_.set_session(s.opens, model::session_handle(handle_at(s.role.result)));
      break;
    case effect::create_object:
      if (!s.gives.empty() && s.gives[0] != no_thing)
        world_.set_object(s.gives[0], model::object_handle(handle_at(s.role.result)));
      if (s.gives.size() > 1 && s.gives[1] != no_thing)
        world_.set_object(s.gives[1], model::object_handle(handle_at(s.role.more_result)));
      break;
    default:
      break;
  }
}

void runner::compare(hand& with, u32 index, u64 value) {
  const auto& s = plan_.steps[index];
  auto& r = out_[index];
  if (!s.call.ended() || s.call.leave.body_lost) {
    r.is = outcome::no_result;
    return;
  }
  const auto before = view::view_of(s.call);
  auto now = before;
  now.rows = &tape::schema::built_in();
  now.function_number = static_cast<tape::u16>(s.role.which);
  now.word_size = sizeof(CK_ULONG);
  now.state = tape::call_state::returned;
  now.arguments_lost = now.result_lost = false;
  now.enter = with.encoded.entered();
  now.leave = with.encoded.left();
  same_things handles(plan_, world_, s);
  const diff::situation around{s.mechanism, s.fresh, s.fresh || with.arguments.synthesised};
  diff::differences found;
  diff::results(before, now, handles, around, found);
  keep_divergences(s, plan_, world_, found);
  if (!found.empty()) drop_unset(with, s, now, found);
  if (found.empty()) {
    r.is = outcome::same;
    return;
  }
  if (with.arguments.dropped_pointer)
    found.front().where +=
        " (the tape does not contain the recorded pReserved, so none was passed; use --init-args to pass one)";
  out_.keep(as_text(found), r.text, r.size);
  r.is = outcome::diverged;
  diverged_ = true;
  const bool failed = value != CKR_OK && s.call.return_value() == CKR_OK;
  if (failed) break_operations(s);
  // After a PIN that was refused there is no second try, whatever the user wants.
  const bool hopeless = failed && (s.role.does == effect::login || s.role.does == effect::initialize);
  if (!how_.go_on || hopeless) order_.stop();
}

// There are modules that do not set all of a struct (SoftHSM adds flags to those that it finds there): then what the
// tape has is the rest of something else in the recorded program's memory. A question that changes nothing is asked
// again, with other bytes in the struct; what differs between the two answers is none.
void runner::drop_unset(hand& with, const step& s, const render::call_view& now, diff::differences& found) {
  const bool asks = s.role.does == effect::describe_token || s.role.which == function::C_GetSessionInfo;
  const auto& row = cryptoki::row(s.role.which).arguments;
  const auto last = row.size() - 1;
  if (!asks || row[last].kind != cryptoki::shape::records || with.arguments.words[last] == 0) return;
  const auto size = cryptoki::records[cryptoki::record_named(row[last].meaning)].size;
  auto words = with.arguments.words;
  std::vector<std::byte> other(size, std::byte{0xff});
  words[last] = cryptoki::to_word(other.data());
  reencode::encoded_call again(encoding_);
  world_.ask([&] {
    again.enter(s.role.which, words.data());
    again.leave(s.role.which, words.data(), module_.call(s.role.which, words));
  });
  auto second = now;
  second.enter = again.entered();
  second.leave = again.left();
  same_things handles(plan_, world_, s);
  diff::differences unset;
  diff::results(now, second, handles, {}, unset);
  std::erase_if(found, [&](const auto& d) {
    return std::any_of(unset.begin(), unset.end(), [&](const auto& u) { return u.where == d.where; });
  });
}

}  // namespace p11tape::replay
