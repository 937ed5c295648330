// SPDX-License-Identifier: Apache-2.0
// Saying why a call cannot be answered: the call, the reason, and how it differs from what comes nearest on the tape.
#include "diff/compare.hpp"
#include "player/player.hpp"
#include "player/say.hpp"
#include "render/render.hpp"

namespace p11tape::player {
namespace {

constexpr std::size_t most_compared = 500;  // calls of a function, in search of the nearest
constexpr std::size_t most_differences = 8;

// The arguments of a call as `p11tape show` has them; without its first line, which has times and threads.
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

// Handles of the tape and those of the client.
class known_handles : public diff::handle_map {
 public:
  using compare = std::function<bool(model::object_handle, model::object_handle)>;
  explicit known_handles(compare same_object) : same_object_(std::move(same_object)) {}
  bool same(diff::handle_kind what, u64 a, u64 b, bool) override {
    if (what == diff::handle_kind::session) return true;
    if (what == diff::handle_kind::slot) return a == b;
    return same_object_(model::object_handle(a), model::object_handle(b));
  }

 private:
  compare same_object_;
};

}  // namespace

CK_RV player::refuse(const question& q, const std::string& why) {
  const std::string name(cryptoki::row(q.f).name);
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  std::string reason = why;
  if (reason.empty() && all.empty())
    reason = "the tape contains no call of this function";
  else if (reason.empty())
    reason = "the tape contains " + calls_of(all.size()) + " of this function, but none with these arguments" +
             (q.pins.empty() ? "" : " (only the length and anomalies of a PIN are compared)");
  render::call_view view;
  view.rows = &tape::schema::built_in();
  view.function_number = static_cast<std::uint16_t>(q.f);
  view.state = tape::call_state::in_flight;
  view.enter = live_->entered();
  say(name + ": no recorded result: " + reason + ". CKR_FUNCTION_REJECTED is returned.\n" + arguments_of(view) +
      nearest(q, view));
  return cannot_answer;
}

std::string player::nearest(const question& q, const render::call_view& live) const {
  known_handles handles([this](model::object_handle theirs, model::object_handle ours) {
    const auto object = object_of_handle(ours);
    return object == model::none ? theirs == ours : story_->object(object).handle == theirs;
  });
  const recorded_call* best = nullptr;
  diff::differences least;
  std::size_t fewest = ~std::size_t{0};
  const auto& all = story_->by_function[static_cast<std::size_t>(q.f)];
  for (std::size_t i = 0; i < all.size() && i < most_compared; ++i) {
    const auto& c = story_->calls[all[i]];
    render::call_view recorded;
    recorded.rows = live.rows;  // the records have our numbers
    recorded.function_number = live.function_number;
    recorded.state = c.state;
    recorded.enter = c.enter.body;
    diff::differences found;
    diff::arguments(recorded, live, handles, {}, found);
    std::erase_if(found, [](const auto& d) { return !diff::diverges(d.what) && d.what != diff::kind::data; });
    if (found.size() >= fewest) continue;
    fewest = found.size();
    least = std::move(found);
    best = &c;
  }
  if (best == nullptr) return {};
  const auto number = "call " + std::to_string(best->number.value());
  auto text = "nearest on the tape: " + number + ", which returned " +
              (best->returned() ? render::return_name(best->value()) : std::string("nothing"));
  for (std::size_t i = 0; i < least.size() && i < most_differences; ++i)
    text += "\n  " + diff::in_words(least[i], number, "this call");
  return text;
}

}  // namespace p11tape::player
