#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The page in a real browser: what its script draws is there, and what stands on the tape is text.
# shellcheck source=tests/profile/lib.sh disable=SC2154
source "$(dirname "$0")/lib.sh"
browser=$(command -v chromium-headless-shell || command -v chromium) || {
  echo "no chromium is installed: nothing can be looked at"
  exit 77
}
need softhsm2-util openssl python3
make_token
evil='</script><img src=x onerror='
softhsm2-util --init-token --free --label "$evil" --pin "$pin" --so-pin "$so_pin" >/dev/null
softhsm2-util --delete-token --token "$token_label" >/dev/null
softhsm2-util --import "$work/key" --token "$evil" --pin "$pin" --label '<b onclick=alert(1)>"key"&amp;' --id 01 >/dev/null

sign() { P11TAPE_MODULE=$real P11TAPE_DIR=$tapes SIGNER_PIN=$pin "$signer" "$shim" "$@"; }
record page sign 200 threads
profile page --html "$work/page.html"

look() {
  HOME=$work timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/browser" \
    --window-size=1300,1800 --virtual-time-budget=3000 "$@" "file://$work/page.html"
}
look --dump-dom >"$work/dom" 2>"$work/browser.said" || fail "the browser: $(tail "$work/browser.said")"
# The size of the canvas is set by the script alone: it ran, under the page's own policy.
grep -qE '<canvas[^>]*style="height: [0-9]+px' "$work/dom" || fail "the time line was not drawn: $(grep -a canvas "$work/dom" | head -c 600)"
for text in '<td>C_Sign</td><td>200</td>' '<h2>Slowest calls</h2>' '<h2>Time line</h2>' '<td>C_Login</td>' \
  '&lt;/script&gt;&lt;img src=x onerror=' '&lt;b onclick=alert(1)&gt;'; do
  grep -qF -e "$text" "$work/dom" || fail "the page lacks $text"
done
if grep -qE '<img|<b onclick' "$work/dom"; then fail "a label became markup"; fi

look --screenshot="$work/page.png" >"$work/browser.said" 2>&1 || fail "the screenshot: $(tail "$work/browser.said")"
python3 - "$work/page.png" <<'PYTHON' || fail "the screenshot is blank"
import sys, zlib, struct
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
at, pixels = 8, b""
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    if kind == b"IHDR": width, height = struct.unpack(">II", data[at + 8:at + 16])
    if kind == b"IDAT": pixels += data[at + 8:at + 8 + size]
    at += 12 + size
raw = zlib.decompress(pixels)
print(width, height, len(set(raw)))
sys.exit(0 if height > 500 and len(set(raw)) > 40 else 1)
PYTHON
