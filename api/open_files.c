#include "api/open_files.h"

#include <sys/resource.h>

unsigned long open_files_raise(unsigned long wanted)
{
    struct rlimit limit;
    rlim_t before;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    before = limit.rlim_cur;
    if (before >= wanted)
        return (unsigned long)before;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    return (unsigned long)(setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before);
}
