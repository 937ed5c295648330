// SPDX-License-Identifier: Apache-2.0
// p11tape run: a program whose PKCS#11 modules are recorded, without a change to any configuration.
//
// The loader's audit interface (LD_AUDIT) gives a copy of p11tape.so to whoever opens a module; src/run/redirect_modules.cpp says
// how. The settings that a file would give to p11tape.so reach the copies as variables.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "capture/settings/settings_table.hpp"
#include "cli/support/commands.hpp"
#include "cli/support/settings_text.hpp"
#include "cli/support/shim_path.hpp"
#include "p11tape/tape.hpp"
#include "run/elf_file.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

struct run_options {
  std::string module, log;
  std::vector<std::string> command;
};

// What stood behind "--".
std::vector<std::string>& the_command() {
  static std::vector<std::string> words;
  return words;
}

void say(const std::string& text) { std::fprintf(stderr, "p11tape: %s\n", text.c_str()); }

// As the shell finds it; "" where there is none.
std::string find_command(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path != nullptr ? path : "/usr/bin:/bin"; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    auto file = std::string(rest.substr(0, end)) + "/" + name;
    std::error_code e;
    if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file, e)) return file;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

// Why the program cannot be recorded this way; "" where it can.
std::string obstacle(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return "";
  const bool other_user = (st.st_mode & S_ISUID) != 0 && st.st_uid != ::geteuid();
  const bool other_group = (st.st_mode & S_ISGID) != 0 && st.st_gid != ::getegid();
  if (other_user || other_group)
    return path +
           ": the dynamic loader ignores LD_AUDIT in setuid and setgid programs (name p11tape.so in the program's "
           "configuration instead of the module, with a settings file beside it)";
  if (::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
    return path +
           ": the dynamic loader ignores LD_AUDIT in programs with file capabilities (name p11tape.so in the "
           "program's configuration instead of the module)";
  const run::elf_file file(path.c_str());
  if (file.ok() && !file.has_interpreter())
    return path + ": the program is statically linked, so it has no dynamic loader and probably opens no modules";
  return "";
}

void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

// What files say about settings, for the copies; `module` is each copy's own. Returns the folder of the tapes.
std::string pass_on_settings(const std::string& shim, const run_options& o, const std::string& program) {
  static capture::settings s;
  auto where = capture::own_surroundings(shim.c_str());
  where.program = program.c_str();
  capture::read_settings(s, where);
  std::string problems;
  append_problems(s.problems, problems);
  std::fputs(problems.c_str(), stderr);
  for (std::size_t i = 0; i < capture::setting_count; ++i) {
    const auto& row = capture::setting_rows[i];
    if (static_cast<capture::setting>(i) == capture::setting::module) continue;
    if (s.values[i].given && std::string_view(s.values[i].from) != "PKCS11SPY") set(row.variable, s.values[i].text);
  }
  for (const char* name : {"P11TAPE_MODULE", "P11TAPE_CONFIG", "P11TAPE_OFF", "PKCS11SPY", "PKCS11SPY_OUTPUT"})
    ::unsetenv(name);
  if (!o.log.empty()) set("P11TAPE_LOG", o.log == "stderr" || o.log == "syslog" ? o.log : fs::absolute(o.log).string());
  auto folder = std::string(s.text(capture::setting::dir));
  if (folder.empty()) return "/var/tmp/p11tape-" + std::to_string(::geteuid());
  folder = fs::absolute(folder).string();
  set("P11TAPE_DIR", folder);  // the command may change its working directory
  return folder;
}

// The tapes of this run: those of the copies in our folder.
std::vector<std::string> tapes_of_run(const std::string& tapes, const std::string& folder) {
  std::vector<std::string> found;
  std::error_code e;
  for (const auto& entry : fs::directory_iterator(tapes, e)) {
    if (entry.path().extension() != ".p11tape") continue;
    try {
      const tape::reader tape(entry.path().string());
      if (tape.property("shim").starts_with(folder + "/")) found.push_back(entry.path().string());
    } catch (const tape::tape_error&) {
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Waits as a shell does: interrupts from the terminal are the command's business.
int wait_for(pid_t child) {
  struct sigaction ignore {
  }, interrupt{}, quit{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &ignore, &interrupt);
  ::sigaction(SIGQUIT, &ignore, &quit);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::sigaction(SIGINT, &interrupt, nullptr);
  ::sigaction(SIGQUIT, &quit, nullptr);
  return status;
}

int run_command(const run_options& o) {
  const auto shim = find_shim(), library = find_run_library();
  if (shim.empty() || library.empty()) {
    say((shim.empty() ? "p11tape.so" : "p11tape-run.so") + std::string(": not found beside this program"));
    return exit_unusable;
  }
  const auto path = find_command(o.command.front());
  if (path.empty()) {
    say("command not found: " + o.command.front());
    return 127;
  }
  if (const auto why = obstacle(path); !why.empty()) {
    say(why);
    return exit_unusable;
  }
  if (!o.module.empty() && !run::elf_file(o.module.c_str()).exports("C_GetFunctionList")) {
    say("--module " + o.module + ": not a PKCS#11 module (it does not export C_GetFunctionList)");
    return exit_unusable;
  }
  char folder[] = "/tmp/p11tape-run.XXXXXX";
  if (::mkdtemp(folder) == nullptr) {
    say(std::string("/tmp: cannot create a directory: ") + std::strerror(errno));
    return exit_unusable;
  }
  const auto tapes_folder = pass_on_settings(shim, o, fs::path(path).filename().string());
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    const char* others = std::getenv("LD_AUDIT");
    set("LD_AUDIT", library + (others != nullptr && others[0] != 0 ? std::string(":") + others : ""));
    set("P11TAPE_RUN_FOLDER", folder);
    set("P11TAPE_RUN_SHIM", shim);
    if (!o.module.empty()) set("P11TAPE_RUN_MODULE", fs::absolute(o.module).string());
    std::vector<char*> arguments;
    for (const auto& word : o.command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(path.c_str(), arguments.data());
    say(path + ": cannot start the program: " + std::strerror(errno));
    ::_exit(126);
  }
  if (child < 0) {
    say(std::string("cannot create a process: ") + std::strerror(errno));
    return exit_unusable;
  }
  const int status = wait_for(child);
  const auto tapes = tapes_of_run(tapes_folder, folder);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (tapes.empty()) {
    say("no tape was written to " + tapes_folder + ": the command opened no PKCS#11 module" +
        (o.module.empty() ? "" : " " + o.module) + ", or only in setuid or static programs that it started");
  } else {
    say(tapes.size() == 1 ? "recorded on this tape:" : "recorded on these tapes:");
    for (const auto& t : tapes) std::fprintf(stderr, "  %s\n", t.c_str());
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int take_command(int argc, char** argv) {
  if (argc < 2 || std::strcmp(argv[1], "run") != 0) return argc;
  int own = 2;
  while (own < argc && argv[own][0] == '-' && std::strcmp(argv[own], "--") != 0) {
    const bool has_value = std::strcmp(argv[own], "--module") == 0 || std::strcmp(argv[own], "--log") == 0;
    own += has_value && own + 1 < argc ? 2 : 1;
  }
  const bool dashes = own < argc && std::strcmp(argv[own], "--") == 0;
  for (int i = own + (dashes ? 1 : 0); i < argc; ++i) the_command().emplace_back(argv[i]);
  return own;
}

void add_run(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("run", "Run a command and record the PKCS#11 modules that it opens");
  auto o = std::make_shared<run_options>();
  command->add_option("--module", o->module,
                      "Path of the only module to record (default: every module that is opened)");
  command->add_option("--log", o->log, "Also write the calls as text to a file, to stderr or to syslog");
  command->footer(
      "No configuration is changed: the dynamic loader opens a copy of p11tape.so whenever the command opens a "
      "module.\n"
      "Setuid and static programs cannot be recorded this way.\n"
      "Examples:\n"
      "  p11tape run -- pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so -L\n"
      "  p11tape run --log stderr -- ssh-keygen -D /usr/lib/softhsm/libsofthsm2.so\n"
      "Exit status: that of the command (128 + N if signal N killed it); 2 if it cannot be recorded; 127 if it is "
      "not found.");
  command->callback([o, &result] {
    o->command = the_command();
    if (o->command.empty()) throw CLI::RequiredError("-- COMMAND");
    result = run_command(*o);
  });
}

}  // namespace p11tape::cli
