#include "thread_seat.h"

#include <ctime>
#include <thread>

namespace {

// The one that this thread is on; −1 where the system doesn't say.
int this_processor() {
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

}  // namespace

int processors() {
#ifdef __linux__
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0) return CPU_COUNT(&mine);
#endif
    const int known = (int)std::thread::hardware_concurrency();
    return known ? known : 1 << 10;
}

void ThreadSeat::take() {
    thread_ = pthread_self();
    look();
}

void ThreadSeat::look() { seen_on_.store(this_processor(), std::memory_order_relaxed); }

bool ThreadSeat::is_here() const {
    const int seen = seen_on_.load(std::memory_order_relaxed);
    return seen >= 0 && seen == this_processor();
}

void ThreadSeat::come_here() const { Confined(*this, Confined::HERE); }

#ifdef __linux__

int64_t ThreadSeat::computed() const {
    clockid_t clock;
    timespec time;
    if (pthread_getcpuclockid(thread_, &clock) || clock_gettime(clock, &time)) return 0;
    return time.tv_sec * int64_t(1000000000) + time.tv_nsec;
}

Confined::Confined(const ThreadSeat& seat, Where where) : thread_(seat.thread_) {
    const int here = this_processor();
    if (here < 0 || here >= CPU_SETSIZE || pthread_getaffinity_np(thread_, sizeof may_, &may_)) return;
    cpu_set_t only = may_;
    CPU_CLR(here, &only);
    if (where == HERE) CPU_XOR(&only, &only, &may_);
    is_confined_ = CPU_COUNT(&only) && !pthread_setaffinity_np(thread_, sizeof only, &only);
}

Confined::~Confined() {
    if (is_confined_) pthread_setaffinity_np(thread_, sizeof may_, &may_);
}

#else

int64_t ThreadSeat::computed() const { return 0; }

Confined::Confined(const ThreadSeat&, Where) {}
Confined::~Confined() {}

#endif
