#include "worker/stray_pace.h"

void cel_stray_pace_reset(struct cel_stray_pace *pace)
{
    pace->pause_ns = 0;
}

int64_t cel_stray_pace_next(struct cel_stray_pace *pace)
{
    pace->pause_ns = pace->pause_ns == 0 ? CEL_STRAY_PAUSE_FIRST_NS : pace->pause_ns * 2;
    if (pace->pause_ns > CEL_STRAY_PAUSE_LAST_NS)
        pace->pause_ns = CEL_STRAY_PAUSE_LAST_NS;
    return pace->pause_ns;
}
