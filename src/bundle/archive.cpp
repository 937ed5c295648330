// SPDX-License-Identifier: Apache-2.0
#include "bundle/archive.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

extern char** environ;

namespace p11tape::bundle {
namespace {

constexpr std::size_t block = 512;
constexpr std::uint64_t largest = std::uint64_t{8} << 30;  // what eleven octal digits can say

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error(path + ": cannot write the archive: " + what);
}

class digest {
 public:
  digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void update(std::string_view piece) { EVP_DigestUpdate(context_.get(), piece.data(), piece.size()); }
  std::string finish() {
    std::array<unsigned char, 32> raw{};
    EVP_DigestFinal_ex(context_.get(), raw.data(), nullptr);
    std::string text;
    for (const auto c : raw) (text += "0123456789abcdef"[c >> 4]) += "0123456789abcdef"[c & 15];
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

void octal(char* field, std::size_t width, std::uint64_t n) {
  std::snprintf(field, width, "%0*llo", static_cast<int>(width - 1), static_cast<unsigned long long>(n));
}

}  // namespace

std::string checksum_of(std::string_view content) {
  digest d;
  d.update(content);
  return d.finish();
}

bool is_archive_name(std::string_view path) noexcept {
  return path.ends_with(".tar.gz") || path.ends_with(".tgz") || path.ends_with(".tar.zst");
}

// Where the tar goes: a file without a name, through gzip or through zstd.
class archive::sink {
 public:
  explicit sink(const std::string& path) : path_(path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0) fail(path, "it exists already (remove it, or choose another name)");
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
    file_ = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file_ < 0) {
      // A file system that has no such files.
      temporary_ = path + ".unfinished";
      file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (file_ < 0) {
        temporary_.clear();
        fail(path, std::strerror(errno));
      }
    }
    path.ends_with(".zst") ? start_zstd() : start_gzip();
  }

  ~sink() {
    if (gzip_ != nullptr) ::gzclose(gzip_);
    if (pipe_ >= 0) ::close(pipe_);
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    if (file_ >= 0) ::close(file_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;

  void write(std::string_view piece) {
    if (gzip_ != nullptr) {
      while (!piece.empty()) {
        const auto n = static_cast<unsigned>(std::min<std::size_t>(piece.size(), 1 << 20));
        if (::gzwrite(gzip_, piece.data(), n) != static_cast<int>(n)) fail(path_, trouble());
        piece.remove_prefix(n);
      }
      return;
    }
    while (!piece.empty()) {
      const auto n = ::write(pipe_, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "zstd ended early");
      piece.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void finish() {
    if (gzip_ != nullptr) {
      const auto status = ::gzclose(gzip_);
      gzip_ = nullptr;
      if (status != Z_OK) fail(path_, std::strerror(errno));
    } else {
      ::close(pipe_);
      pipe_ = -1;
      int status = 0;
      while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
      }
      child_ = 0;
      if (status != 0) fail(path_, "zstd failed");
    }
    const auto own = "/proc/self/fd/" + std::to_string(file_);
    const int named = temporary_.empty() ? ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW)
                                         : ::link(temporary_.c_str(), path_.c_str());
    if (named != 0) fail(path_, std::strerror(errno));
  }

 private:
  void start_gzip() {
    const int copy = ::fcntl(file_, F_DUPFD_CLOEXEC, 3);
    if (copy >= 0) gzip_ = ::gzdopen(copy, "wb6");
    if (gzip_ == nullptr) fail(path_, "no memory");
  }

  void start_zstd() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail(path_, std::strerror(errno));
    pipe_ = ends[1];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, file_, STDOUT_FILENO);
    char name[] = "zstd", quiet[] = "-q", out[] = "-c";
    char* arguments[] = {name, quiet, out, nullptr};
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, name, &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    if (error != 0)
      throw std::runtime_error(path_ + ": the program zstd cannot be run (install it, or name the archive .tar.gz)");
    child_ = child;
  }

  std::string trouble() const {
    int code = 0;
    const char* text = ::gzerror(gzip_, &code);
    return code == Z_ERRNO ? std::strerror(errno) : text;
  }

  std::string path_, temporary_;
  int file_ = -1, pipe_ = -1;
  pid_t child_ = 0;
  gzFile gzip_ = nullptr;
};

archive::archive(const std::string& path, std::string top, std::uint64_t modified)
    : path_(path), top_(std::move(top)), modified_(modified), to_(std::make_unique<sink>(path)) {}

archive::~archive() = default;

void archive::begin(const std::string& name, std::uint64_t size) {
  std::array<char, block> header{};
  const auto full = top_ + "/" + name;
  if (full.size() >= 100) fail(path_, name + ": the name is too long");
  if (size >= largest) fail(path_, name + ": the file is too large");
  char* h = header.data();
  std::copy(full.begin(), full.end(), h);
  octal(h + 100, 8, 0600);
  octal(h + 108, 8, 0);
  octal(h + 116, 8, 0);
  octal(h + 124, 12, size);
  octal(h + 136, 12, modified_);
  std::memset(h + 148, ' ', 8);
  h[156] = '0';
  std::copy_n("ustar\00000", 8, h + 257);
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(h + 148, 8, "%06o", sum);
  to_->write({h, block});
}

void archive::end(const std::string& name, std::uint64_t size, const std::string& sum) {
  constexpr char zeros[block] = {};
  if (size % block != 0) to_->write({zeros, block - size % block});
  sums_ += sum + "  " + name + "\n";
}

void archive::add(const std::string& name, std::string_view content) {
  begin(name, content.size());
  to_->write(content);
  end(name, content.size(), checksum_of(content));
}

void archive::add_file(const std::string& name, const std::string& from) {
  std::ifstream file(from, std::ios::binary | std::ios::ate);
  if (!file) fail(path_, from + ": " + std::strerror(errno));
  const auto size = static_cast<std::uint64_t>(file.tellg());
  file.seekg(0);
  begin(name, size);
  digest d;
  std::string buffer(1 << 20, '\0');
  for (std::uint64_t left = size; left > 0;) {
    const auto n = std::min<std::uint64_t>(left, buffer.size());
    if (!file.read(buffer.data(), static_cast<std::streamsize>(n))) fail(path_, from + ": cannot read the file");
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
    d.update(piece);
    to_->write(piece);
    left -= n;
  }
  end(name, size, d.finish());
}

void archive::finish() {
  const auto sums = sums_;
  add("SHA256SUMS", sums);
  constexpr char zeros[2 * block] = {};
  to_->write({zeros, sizeof zeros});
  to_->finish();
}

}  // namespace p11tape::bundle
