// SPDX-License-Identifier: Apache-2.0
// Puts a virtual card into the virtual reader of pcscd (vsmartcard-vpcd).  Usage: vpcd-card piv|sc-hsm [PORT]
//
// Both ways: two bytes of length, most significant first, then as many bytes. A message of one byte is for the reader:
// 0 off, 1 on, 2 reset, 4 asks for the answer to reset. All others are APDUs.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "card.hpp"

namespace {

using p11tape::virtual_card::bytes;

// vpcd sends a length and its bytes separately; without quick acknowledgements each APDU costs 40 ms.
bool receive(int s, void* into, std::size_t size) {
  const int on = 1;
  setsockopt(s, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  return recv(s, into, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

bool answer(int s, const bytes& b) {
  bytes message{static_cast<std::uint8_t>(b.size() >> 8), static_cast<std::uint8_t>(b.size())};
  message.insert(message.end(), b.begin(), b.end());
  return send(s, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

}  // namespace

int main(int count, char** arguments) {
  constexpr int default_port = 35963;
  auto card = p11tape::virtual_card::make_card(count > 1 ? arguments[1] : "");
  if (card == nullptr) {
    std::fprintf(stderr, "usage: vpcd-card piv|sc-hsm [PORT]\n");
    return 64;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(count > 2 ? std::atoi(arguments[2]) : default_port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("vpcd-card: no virtual reader");
    return 2;
  }
  constexpr std::uint8_t ask_atr = 4;
  for (;;) {
    std::uint8_t length[2];
    if (!receive(s, length, sizeof length)) break;
    bytes message(std::size_t{length[0]} << 8 | length[1]);
    if (!message.empty() && !receive(s, message.data(), message.size())) break;
    if (message.size() != 1) {
      if (!answer(s, card->transmit(message))) break;
    } else if (message[0] == ask_atr) {
      if (!answer(s, card->atr())) break;
    } else {
      card->reset();
    }
  }
  close(s);
}
