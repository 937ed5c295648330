// SPDX-License-Identifier: Apache-2.0
// The tape format as constants and structs; include/p11tape/FORMAT.md explains it and is the authority.
//
// The structs describe bytes in a file. Writers store into them through le(), readers load through le(), so that a tape
// is little-endian on every host.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace p11tape::tape {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// A host number as the file stores it, and back: the same bytes on a little-endian host.
template <class T>
constexpr T le(T v) noexcept {
  if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1) {
    return v;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(v));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(v));
  } else {
    return static_cast<T>(__builtin_bswap64(v));
  }
}

inline constexpr char file_magic[8] = {'p', '1', '1', 't', 'a', 'p', 'e', '\n'};
inline constexpr u16 format_major = 2;
inline constexpr u16 format_minor = 0;
inline constexpr u32 unit = 4096;  ///< chunks start and end at its multiples

/// Bits of file_header::features.
enum feature : u64 {
  feature_filtered = 1,  ///< filters were on
  feature_imported =
      2,  ///< made from another tool's log: see the property `imported.from` and file_header::source_lacks
};

/// Bits of file_header::source_lacks: what the source of an imported tape does not show.
enum source_lack : u64 {
  lacks_start_times = 1,
  lacks_end_times = 2,  ///< so there are no durations
  lacks_threads = 4,
  lacks_inputs = 8,           ///< some or all
  lacks_failed_outputs = 16,  ///< outputs of calls that failed
  lacks_outputs = 32,         ///< all of them
  lacks_pin_facts = 64,
  lacks_process_id = 128,
  lacks_calls = 256,      ///< some calls may be missing
  lacks_fine_times = 512  ///< times are in milliseconds or coarser
};

enum class profile : u32 { standard = 1, strict = 2, payload = 3 };

enum class stop_reason : u64 { none, no_space, full, cannot_grow, switched_off };

/// Indexes into file_header::counters.
enum class counter : u8 {
  no_space,
  interrupted,
  orphan_results,
  shortened,
  overwritten_chunks,
  loops,
  switched_off,
  unusual_results,
};

/// What the times of records are: file_header::clock.
enum class clock_source : u32 { kernel = 1, cpu_counter = 2 };

struct alignas(8) file_header {
  char magic[8];
  u16 major;
  u16 minor;
  u32 header_size;
  u64 features;
  u32 word_size;
  u32 profile;
  u64 pid;
  u64 parent_pid;
  u64 monotonic;
  u64 wall;
  u64 properties_offset;
  u64 properties_size;
  u64 schema_offset;
  u64 schema_size;
  u64 data_offset;
  u64 limit;
  u64 kept_limit;
  u64 stopped;
  u64 stopped_at;
  u32 clock;         ///< clock_source
  u32 counter_kind;  ///< 1 rdtsc, 2 cntvct_el0, 3 mftb, 4 stckf; 0 none
  u64 counter;       ///< at `monotonic`
  u64 slots;         ///< offset of the first chunk of slots
  u64 clock_pairs;   ///< offset of the first chunk of clock pairs
  u64 process_start;
  u64 pid_namespace;
  u64 time_namespace;
  u8 boot[16];
  u8 machine[16];
  u64 source_lacks;  ///< source_lack bits
  u8 reserved_1[24];
  u64 counters[32];
  u64 filtered[256];
  u8 reserved_2[4096 - 2560];
};
static_assert(sizeof(file_header) == 4096);
static_assert(offsetof(file_header, source_lacks) == 224);
static_assert(offsetof(file_header, counters) == 256 && offsetof(file_header, filtered) == 512);

inline constexpr u32 chunk_magic = 0x4b4e4843;  // "CHNK"
enum class chunk_kind : u16 { kept = 1, ring = 2, slots = 3, clock = 4 };
inline constexpr u32 chunk_thread_unknown = 1;  ///< of chunk_header::flags

struct alignas(8) chunk_header {
  u32 magic;
  u16 kind;
  u16 header_size;
  u32 size;
  u32 handed_over;
  u64 sequence;
  u64 thread;
  u64 thread_number;
  u64 monotonic;
  u64 wall;
  u64 committed;
  u64 counter;
  u32 flags;
  u32 reserved_1;
  u64 next;  ///< of slots and clock pairs: offset of the next chunk of the kind
  u64 reserved_2;
};
static_assert(sizeof(chunk_header) == 96);

/// A chunk of kind slots holds these after its first 512 bytes: each has the call that a thread is in.
struct alignas(8) call_slot {
  u64 committed;  ///< bytes of `record` that count; 0: no call is in the slot
  u64 sequence;   ///< grows before the bytes change
  u64 thread;
  u64 thread_number;
  u32 open;  ///< calls in flight whose ENTER is in the thread's chunks
  u32 reserved;
  u8 record[472];
};
static_assert(sizeof(call_slot) == 512);
inline constexpr u32 first_slot = 512;

/// The CPU's counter and CLOCK_MONOTONIC at one moment.
struct alignas(8) clock_pair {
  u64 counter;
  u64 monotonic;
  u64 check;  ///< exclusive or of the two: a pair that does not match is being written
};
static_assert(sizeof(clock_pair) == 24);

enum class record_kind : u8 { enter = 1, leave = 2, part = 3, thread = 4, note = 5, exchange = 6, call = 7 };

enum record_flags : u8 {
  record_packed = 1,
  record_kernel_time = 2,  ///< `time` is in ns, although the tape's clock is the counter
  record_no_start = 4,     ///< imported: when the call began is not known
  record_no_end = 8,       ///< imported: when it ended is not known
  record_no_result = 16,   ///< imported: its return value is not known
  record_no_outputs = 32,  ///< its outputs are not recorded
};

inline constexpr u32 largest_record_size = (u32{1} << 24) - 1;

struct record_header {
  u32 size_and_flags;  ///< size in the low 24 bits, record_flags in the high 8
  u8 kind;
  u8 depth;
  u16 function;
  u32 call;
  u32 ordinal;
  u64 time;
};
static_assert(sizeof(record_header) == 24);

/// Size and flags of a record, which share a word.
constexpr u32 size_of(u32 size_and_flags) noexcept { return size_and_flags & largest_record_size; }
constexpr u8 flags_of(u32 size_and_flags) noexcept { return static_cast<u8>(size_and_flags >> 24); }

/// What the body of a CALL begins with.
struct call_head {
  u64 fields_size;  ///< bytes of the fields, which follow; then come the return value and the items of the outputs
  u64 duration;
};
static_assert(sizeof(call_head) == 16);

/// Bits of the word of a pointer.
enum pointer_bits : u64 {
  pointer_given = 1,
  pointer_bad = 2,
  pointer_withheld = 4,
  pointer_length_withheld = 8,
  pointer_length_rounded = 16,
  pointer_unknown = 32,  ///< imported: the source does not show it
};

enum class item_form : u8 {
  none = 0,
  bytes = 1,
  number = 2,
  numbers = 3,
  record = 4,
  records = 5,
  template_ = 6,
  mechanism = 7,
  pin = 8,
  sum = 9,
  text = 10,
};

enum item_flags : u8 {
  item_unreadable = 1,
  item_cut = 2,
  item_withheld = 4,
  item_unknown = 8,  ///< imported: the source does not show it
  item_length_rounded = 16,
  item_unchanged = 32,    ///< an output whose memory was the same before and after: nothing proves that it was written
  item_not_written = 64,  ///< an output that was certainly not written, although the result would allow it
  item_null = 128,
};

struct item_header {
  u16 field;
  u8 form;
  u8 flags;
  u32 size;
};
static_assert(sizeof(item_header) == 8);

struct attribute_header {
  u64 type;
  u64 length;
  u8 form;
  u8 flags;
  u16 reserved;
  u32 size;
};
static_assert(sizeof(attribute_header) == 24);

enum pin_anomaly : u32 {
  pin_blank_at_end = 1,
  pin_line_break = 2,
  pin_nul = 4,
  pin_quote = 8,
  pin_semicolon = 16,
  pin_non_ascii = 32,
  pin_protected = 64,
  pin_not_text = 128,  ///< not valid UTF-8, or with control characters
};

struct pin_facts {
  u64 length;
  u32 anomalies;
  u32 number;
};
static_assert(sizeof(pin_facts) == 16);

/// Which function of PC/SC an EXCHANGE was.
enum class card_call : u8 {
  transmit = 1,
  control = 2,
  begin_transaction = 3,
  end_transaction = 4,
  connect = 5,
  reconnect = 6,
  disconnect = 7,
};

enum exchange_flags : u16 {
  exchange_inferred = 1,         ///< its call is that of another thread: the only one in flight
  exchange_command = 2,          ///< `command` is the header of a command
  exchange_has_data = 4,         ///< the command carried data
  exchange_length_withheld = 8,  ///< ... whose length is not recorded
  exchange_data_cut = 16,        ///< more of the data could have been recorded
  exchange_extended = 32,        ///< lengths of two or three bytes
  exchange_has_expected = 64,    ///< `expected` counts
  exchange_has_status = 128,     ///< `status_word` counts
  exchange_inner_status = 256,   ///< secure messaging: `inner_status` counts
};

/// The body of an EXCHANGE, before the data.
struct exchange_facts {
  u8 function;
  u8 command[4];
  u8 reserved;
  u16 flags;
  u16 status_word;
  u16 inner_status;
  u32 result;
  u32 length;
  u32 expected;
  u32 received;
  u32 control_code;
  u64 card;
  u64 duration;
  u64 caller_thread;
  u32 caller_call;
  u32 data_size;
};
static_assert(sizeof(exchange_facts) == 64);

/// A thread of this name makes a replayer's own look-ups: its first record is a NOTE of this text.
inline constexpr char lookup_thread_name[] = "p11tape-lookup";

constexpr u64 padded(u64 n) noexcept { return (n + 7) & ~u64{7}; }

}  // namespace p11tape::tape
