// Which processor the system lets a thread have, for others that wait for it. Only Linux is asked:
// elsewhere nobody is known to be anywhere, and nobody is moved.
#pragma once
#include <atomic>
#include <cstdint>

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif

// That this process may use.
int processors();

class ThreadSeat {
public:
    // By the thread itself: it is this one, and on this processor.
    void take();
    void look();

    // By others, on a processor of their own: whether it was last seen on that.
    bool is_here() const;
    // Nanoseconds of any processor that it has had.
    int64_t computed() const;
    // It goes on on the processor of the one who calls, and then wherever it may.
    void come_here() const;

private:
    friend class Confined;
    pthread_t thread_{};
    std::atomic<int> seen_on_{-1};
};

// While it lives, a thread may only be on the processor that this was made on, or only on others: if it
// may be there at all.
class Confined {
public:
    enum Where { HERE, ELSEWHERE };
    Confined(const ThreadSeat& seat, Where where);
    ~Confined();
    Confined(const Confined&) = delete;

private:
#ifdef __linux__
    const pthread_t thread_;
    cpu_set_t may_;
    bool is_confined_ = false;
#endif
};
