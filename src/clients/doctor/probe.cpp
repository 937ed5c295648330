// SPDX-License-Identifier: Apache-2.0
// The asking side.
#include "clients/doctor/probe.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "decode/decode.hpp"

namespace p11tape::clients {
namespace {

using nlohmann::json;
using clock = std::chrono::steady_clock;
constexpr std::size_t largest_answer = 16 * 1024 * 1024;

struct pipe_ends {
  int read = -1;
  int write = -1;
  pipe_ends() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return;
    read = fds[0];
    write = fds[1];
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    close_read();
    close_write();
  }
  void close_read() noexcept { shut(read); }
  void close_write() noexcept { shut(write); }

 private:
  static void shut(int& fd) noexcept {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

// Only functions that are safe after fork in a program with threads.
[[noreturn]] void become_child(const char* program, char* const* arguments, char* const* environment,
                               const file_user* user, const pipe_ends& in, const pipe_ends& out, pid_t parent) {
  if (user != nullptr && !user->groups.empty()) {
    const auto group = user->groups.front();
    if (setgroups(user->groups.size(), user->groups.data()) != 0 || setresgid(group, group, group) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0)
      _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of the user clears it
  if (getppid() != parent) _exit(127);
  const int nothing = open("/dev/null", O_WRONLY);
  if (dup2(in.read, 0) < 0 || dup2(out.write, 1) < 0 || nothing < 0 || dup2(nothing, 2) < 0) _exit(127);
  execve(program, arguments, environment);
  _exit(127);
}

// What the child says until it closes its end, or the time is up.
struct child_answer {
  std::string text;
  bool in_time = true;
};
child_answer read_answer(int fd, clock::time_point until) {
  child_answer answer;
  char buffer[65536];
  while (answer.text.size() < largest_answer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    if (left <= 0) {
      answer.in_time = false;
      break;
    }
    pollfd waiting{fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 60000)));
    if (ready < 0 && errno != EINTR) break;
    if (ready <= 0) continue;
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    answer.text.append(buffer, static_cast<std::size_t>(n));
  }
  return answer;
}

// Waits for the child; after the deadline it is killed. It is ours: nobody else can have taken its number.
int reap(pid_t child, clock::time_point until, bool& killed) {
  int status = 0;
  while (true) {
    const pid_t done = waitpid(child, &status, WNOHANG);
    if (done == child || (done < 0 && errno != EINTR)) return status;
    if (clock::now() >= until && !killed) {
      kill(child, SIGKILL);
      killed = true;
    }
    poll(nullptr, 0, 5);
  }
}

std::string unhex(const std::string& hex) {
  std::string out;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// "2026-12-31T23:59:59Z"
std::optional<std::int64_t> seconds_of(const std::string& text) {
  std::tm t{};
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%dZ", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
                  &t.tm_sec) != 6)
    return std::nullopt;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  return ::timegm(&t);
}

// Of the token that is read last.
void take_certificates(probe_result& r, const json& token) {
  const auto all = token.find("certificates");
  if (all == token.end() || !all->is_array()) return;
  for (const auto& c : *all) {
    if (!c.is_object()) continue;
    const auto bytes = unhex(text_of(c, "value"));
    const auto told = decode::certificate({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    probed_certificate out;
    out.token = r.tokens.size() - 1;
    out.label = unhex(text_of(c, "label"));
    for (const auto& f : told.facts) {
      if (f.name == "subject") out.subject = f.text;
      if (f.name == "not_before") out.not_before = f.text;
      if (f.name == "not_after") out.not_after = f.text;
    }
    const auto from = seconds_of(out.not_before), until = seconds_of(out.not_after);
    if (!from || !until) continue;
    out.from = *from;
    out.until = *until;
    r.certificates.push_back(std::move(out));
  }
}

void take_tokens(probe_result& r, const json& answer) {
  const auto tokens = answer.find("tokens");
  if (tokens == answer.end() || !tokens->is_array()) return;
  for (const auto& t : *tokens) {
    if (!t.is_object()) continue;
    label::token token;
    token.slot = number_of(t, "slot");
    token.label = unhex(text_of(t, "label"));
    token.manufacturer = unhex(text_of(t, "manufacturer"));
    token.model = unhex(text_of(t, "model"));
    token.serial = unhex(text_of(t, "serial"));
    token.slot_description = unhex(text_of(t, "description"));
    token.flags = number_of(t, "flags");
    token.flags_known = true;
    if (const auto objects = t.find("objects"); objects != t.end() && objects->is_array())
      for (const auto& o : *objects)
        if (o.is_string()) token.objects.push_back(unhex(o.get<std::string>()));
    r.tokens.push_back(std::move(token));
    take_certificates(r, t);
    r.min_pin.push_back(number_of(t, "min_pin"));
    r.max_pin.push_back(number_of(t, "max_pin"));
  }
}

// The child adds a line after each stage, so that a crash later leaves what was known before; the last whole one
// counts.
void understand(probe_result& r, const std::string& text) {
  std::size_t end = text.rfind('\n');
  while (end != std::string::npos) {
    const std::size_t start = end == 0 ? 0 : text.rfind('\n', end - 1);
    const std::size_t begin = start == std::string::npos ? 0 : start == 0 && end == 0 ? 0 : start + 1;
    const json answer = json::parse(text.substr(begin, end - begin), nullptr, false);
    if (answer.is_object()) {
      const std::string stage = text_of(answer, "stage");
      r.trouble = text_of(answer, "trouble");
      r.end = stage == "loading"    ? probe_end::not_loaded
              : stage == "starting" ? probe_end::not_started
                                    : probe_end::answered;
      r.library = text_of(answer, "library");
      r.slots = number_of(answer, "slots");
      take_tokens(r, answer);
      if (const auto login = answer.find("login"); login != answer.end() && login->is_string())
        r.login = {true, login->get<std::string>()};
      return;
    }
    if (start == std::string::npos) return;
    end = start;
  }
}

}  // namespace

bool can_become(const file_user& user) noexcept { return geteuid() == 0 && !user.groups.empty(); }

probe_result probe_module(const probe_request& request) {
  probe_result r;
  const std::string program = request.program.empty() ? "/proc/self/exe" : request.program;
  std::string slot = request.login_slot && request.pin != nullptr ? std::to_string(*request.login_slot) : "";
  std::string name = "p11tape", command = probe_command, module = request.module;
  std::string final_try = request.yes_final_try ? "final" : "";
  char* arguments[] = {name.data(),
                       command.data(),
                       module.data(),
                       slot.empty() ? nullptr : slot.data(),
                       slot.empty() || final_try.empty() ? nullptr : final_try.data(),
                       nullptr};
  auto variables = request.environment;
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (auto& v : variables) environment.push_back(v.data());
  environment.push_back(nullptr);
  char* const* const around = variables.empty() ? environ : environment.data();
  const auto* user = request.run_as ? &*request.run_as : nullptr;
  pipe_ends in, out;
  if (in.read < 0 || out.read < 0) {
    r.trouble = "cannot create a pipe";
    return r;
  }
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become_child(program.c_str(), arguments, around, user, in, out, parent);
  if (child < 0) {
    r.trouble = "cannot create a process";
    return r;
  }
  in.close_read();
  out.close_write();
  if (!slot.empty()) {
    // A PIN is far shorter than a pipe holds, so this does not wait; a child that is gone is seen below.
    const auto old = signal(SIGPIPE, SIG_IGN);
    const auto pin = request.pin->view();
    if (write(in.write, pin.data(), pin.size()) < 0) r.trouble = "cannot pass the PIN to the helper process";
    signal(SIGPIPE, old);
  }
  in.close_write();

  const auto until = clock::now() + request.timeout;
  const auto answer = read_answer(out.read, until);
  bool killed = false;
  const int status = reap(child, answer.in_time ? until : clock::now(), killed);
  understand(r, answer.text);
  if (killed)
    r.end = probe_end::timed_out;
  else if (WIFSIGNALED(status)) {
    const char* signal_name = sigdescr_np(WTERMSIG(status));
    r.end = probe_end::crashed;
    r.trouble = signal_name != nullptr ? signal_name : "signal " + std::to_string(WTERMSIG(status));
  } else if (answer.text.empty() && r.trouble.empty()) {
    r.trouble = WEXITSTATUS(status) == 126
                    ? "the helper process cannot become user " + (user != nullptr ? user->name : "")
                    : "the helper process ended with status " + std::to_string(WEXITSTATUS(status));
  }
  return r;
}

}  // namespace p11tape::clients
