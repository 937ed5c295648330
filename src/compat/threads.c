// SPDX-License-Identifier: Apache-2.0
// Waiting by the monotonic clock (glibc 2.30), and what is to be destroyed when a thread ends (2.18).
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "old_version.h"

static long long nanoseconds(const struct timespec* t) { return t->tv_sec * 1000000000LL + t->tv_nsec; }

static long long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return nanoseconds(&t);
}

// Waits by the only clock that every version knows, which somebody may set meanwhile. A wait that ends too early is told
// as a wake-up without a reason, which callers of condition variables are used to.
STAND_IN int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                    const struct timespec* until) {
  const long long end = nanoseconds(until), left = end - now(clock);
  const long long real_end = now(CLOCK_REALTIME) + (left > 0 ? left : 0);
  struct timespec real;
  real.tv_sec = (time_t)(real_end / 1000000000LL);
  real.tv_nsec = (long)(real_end % 1000000000LL);
  const int result = pthread_cond_timedwait(condition, mutex, &real);
  return result == ETIMEDOUT && now(clock) < end ? 0 : result;
}

struct at_end {
  void (*destroy)(void*);
  void* object;
  struct at_end* next;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void destroy_all(void* list) {
  while (list != NULL) {
    struct at_end* const first = list;
    pthread_setspecific(key, first->next);  // a destructor may add to the list
    first->destroy(first->object);
    free(first);
    list = pthread_getspecific(key);
  }
}

static void destroy_of_main(void) { destroy_all(pthread_getspecific(key)); }

static void make_key(void) {
  pthread_key_create(&key, destroy_all);
  atexit(destroy_of_main);
}

STAND_IN int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object, void* library) {
  (void)library;  // only in programs and in libraries that are never unloaded
  pthread_once(&once, make_key);
  struct at_end* const entry = malloc(sizeof *entry);
  if (entry == NULL) return -1;
  entry->destroy = destroy;
  entry->object = object;
  entry->next = pthread_getspecific(key);
  return pthread_setspecific(key, entry);
}
