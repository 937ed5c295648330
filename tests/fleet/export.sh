#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11tape export: rows that are those of p11tape query, valid whatever a label holds, and only once over tapes that grow.
source "$(dirname "$0")/lib.sh"

mkdir "$directory/tapes"
"$make_fleet" "$directory/tapes" 3 50
export_rows() { "$p11tape" export "$@" "$directory/tapes"; }

calls=$("$p11tape" query --format csv 'SELECT count(*) FROM calls' "$directory/tapes" | tail -1)
check 'a line for each call' "$(export_rows --format jsonl | wc -l)" "$calls"
check 'CSV has one header line' "$(export_rows --format csv | wc -l)" $((calls + 1))
check 'CSV is what query says' "$(export_rows --format csv | sort | sha256sum)" \
  "$("$p11tape" query --format csv 'SELECT * FROM calls' "$directory/tapes" | sort | sha256sum)"
export_rows --format jsonl --table all >"$directory/all"
check 'every line is JSON, every key is unique' "$(python3 - "$directory/all" <<'PY'
import json, sys
keys = {"tapes": ["tape"], "calls": ["tape", "id"], "logins": ["tape", "id"], "sessions": ["tape", "id"],
        "objects": ["tape", "id"], "findings": ["tape", "id"], "attributes": ["tape", "call_id", "position"],
        "exchanges": ["tape", "call_id", "position"]}
seen, tables = set(), {}
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    key = (row["table"],) + tuple(row.get(k, 0) for k in keys[row["table"]])
    assert key not in seen, key
    seen.add(key)
    tables[row["table"]] = tables.get(row["table"], 0) + 1
print(tables["tapes"], tables["logins"], tables["sessions"])
PY
)" '3 3 3'

# In pieces over a tape that grows: the pieces are the whole, and nothing comes twice.
mkdir "$directory/growing"
cp "$directory/tapes/host000.p11tape" "$directory/growing/"
export_rows --format jsonl | grep host000 >"$directory/whole"
p11tape_piece() { "$p11tape" export --format jsonl --state "$directory/state" -o "$directory/pieces" "$directory/growing"; }
full=$(stat -c %s "$directory/growing/host000.p11tape")
"$p11tape" export --format jsonl --state "$directory/state" -o "$directory/pieces" "$directory/growing"
cp "$directory/tapes/host000.p11tape" "$directory/growing/"
p11tape_piece
p11tape_piece
check 'a second and a third time nothing is new' "$(sort "$directory/pieces" | sha256sum)" "$(sort "$directory/whole" | sha256sum)"
rm "$directory/state" "$directory/pieces"
rm -r "$directory/growing"; mkdir "$directory/growing"
for rounds in 10 50; do
  mkdir -p "$directory/part"
  "$make_fleet" "$directory/part" 1 "$rounds"
  cp "$directory/part/host000.p11tape" "$directory/growing/"
  p11tape_piece
done
check 'identifiers are unique over both' \
  "$(python3 -c 'import json,sys; r=[json.loads(l)["id"] for l in open(sys.argv[1])]; print(len(r)==len(set(r)))' "$directory/pieces")" True
[[ $full -gt 0 ]] || check 'tape' empty full

echo nonsense >"$directory/bad"
check 'a state file that is none' "$(status_of "$p11tape" export --format jsonl --state "$directory/bad" "$directory/tapes")" 2
said 'is not a state file'
check 'an unknown table' "$(status_of "$p11tape" export --format jsonl --table nonsense "$directory/tapes")" 2
said 'there is no table nonsense'

# A damaged tape: its rows up to the damage, and a sentence.
head -c $(($(stat -c %s "$directory/tapes/host000.p11tape") - 65000)) "$directory/tapes/host000.p11tape" >"$directory/cut.p11tape"
for format in jsonl csv otlp spy; do
  check "damaged tape as $format" "$(status_of "$p11tape" export --format $format "$directory/cut.p11tape")" 0
  said 'cut.p11tape: '
done

# Spans: identifiers have their sizes, children have parents, links lead to spans, times are in order.
"$p11tape" export --format otlp "$directory/tapes" >"$directory/spans"
check 'OTLP' "$(python3 "$(dirname "$0")/otlp.py" "$directory/spans")" '3 3 150'
"$make_fleet" "$directory/part" 1 12000
"$p11tape" export --format otlp "$directory/part" >"$directory/spans"
check 'OTLP of a long tape comes in several requests' "$(python3 "$(dirname "$0")/otlp.py" "$directory/spans") $(($(wc -l <"$directory/spans") > 1))" '1 1 12000 1'
finish
