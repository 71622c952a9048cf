#include "api/memory_budget.h"

bool memory_budget_hold(struct memory_budget *budget, size_t bytes, size_t *counted)
{
    size_t more;

    if (bytes <= MEMORY_BUDGET_SMALL || bytes <= *counted)
        return true;
    more = bytes - *counted;
    if (atomic_fetch_add(&budget->held, more) + more > budget->max) {
        atomic_fetch_sub(&budget->held, more);
        return false;
    }
    *counted = bytes;
    return true;
}

void memory_budget_release(struct memory_budget *budget, size_t *counted)
{
    atomic_fetch_sub(&budget->held, *counted);
    *counted = 0;
}
