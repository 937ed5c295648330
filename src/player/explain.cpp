// Saying why a call cannot be answered: the call, the reason, and what the tape has that comes nearest.
#include "player/player.hpp"
#include "player/say.hpp"
#include "render/render.hpp"

namespace p11tape::player {
namespace {

// The arguments of a call as `p11tape show` has them, indented; without its first line, which has times and threads.
std::string arguments_of(const render::call_view& view) {
  render::options how;
  how.most_bytes = 32;
  std::string text;
  render::append_text(view, how, text);
  const auto first = text.find('\n');
  const auto last = text.find("  Returned: ");
  if (first == std::string::npos || last == std::string::npos || last <= first) return {};
  return text.substr(first + 1, last - first - 1);
}

std::string calls_of(std::size_t n) { return std::to_string(n) + (n == 1 ? " call" : " calls"); }

}  // namespace

CK_RV player::refuse(const question& q, const std::string& why) {
  const std::string name(cryptoki::row(q.f).name);
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  std::string reason = why;
  if (reason.empty() && all.empty())
    reason = "the tape has no call of this function";
  else if (reason.empty())
    reason = "the tape has " + calls_of(all.size()) + " of this function, but none with these arguments" +
             (q.pins.empty() ? "" : " (of a PIN it knows the length and oddities only)");
  render::call_view view;
  view.rows = &tape::schema::built_in();
  view.function_number = static_cast<std::uint16_t>(q.f);
  view.state = tape::call_state::in_flight;
  view.enter = incoming_->body();
  say(name + " cannot be answered: " + reason + ". CKR_FUNCTION_REJECTED is returned.\n" + arguments_of(view) +
      nearest(q));
  return cannot_answer;
}

std::string player::nearest(const question& q) const {
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  if (all.empty()) return {};
  const recorded_call* c = nullptr;
  if (const auto i = story_->loose.find(q.loose_key); i != story_->loose.end())
    c = &story_->calls[i->second.calls.front()];
  for (std::size_t i = 0; i < all.size() && c == nullptr; ++i)
    if (const auto& next = story_->calls[all[i]]; !next.used) c = &next;
  if (c == nullptr) c = &story_->calls[all.back()];
  render::call_view view;
  view.rows = &story_->rows();
  view.function_number = c->function_number;
  view.state = c->state;
  view.enter = c->enter.body;
  view.leave = c->leave.body;
  return "nearest on the tape, call " + std::to_string(c->number) + ":\n" + arguments_of(view) +
         "  Returned: " + (c->returned() ? render::return_name(c->value()) : std::string("nothing"));
}

}  // namespace p11tape::player
