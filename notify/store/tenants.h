/*
 * Tenants: register one with its first key, show one. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_TENANTS_H
#define NOTIFY_STORE_TENANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/digest.h"

/* Characters in the columns of the table business_tenants. */
#define STORE_TENANT_NAME_MAX 255
#define STORE_TENANT_EMAIL_MAX 254

/* One row; spans are valid until store_call_release() of the call that shows it. */
struct store_tenant {
    struct uuid id;
    struct span name;
    struct span email;
    bool is_active;
    int64_t created_at_us;
    int64_t updated_at_us;
};

/*
 * Registers a tenant and its first key with its digest, in one transaction. CELERIAC_ERR_EXISTS
 * when a tenant has this email, compared as it is written, letters' case included (as the filter
 * Tenant.objects.filter(email=...) does). Two registrations at once through Celeriac cannot both
 * succeed; the table has no unique index that would stop Django from adding a third.
 */
struct store_register_tenant {
    struct store_call call;
    struct uuid tenant_id; /* random, made by the caller */
    struct span name;      /* 1..STORE_TENANT_NAME_MAX characters */
    struct span email;     /* 1..STORE_TENANT_EMAIL_MAX characters */
    struct span key_name;  /* 0..STORE_KEY_NAME_MAX characters */
    struct span key_hash;  /* 1..STORE_KEY_HASH_MAX characters */
    struct store_digest digest;
    int64_t created_at_us; /* of both rows */
    /* result */
    int64_t key_id;
};

/* Prepares the call; the caller then fills the request's fields. */
void store_register_tenant_init(struct store_register_tenant *reg);

/* One tenant, active or not. Combined. CELERIAC_ERR_NOT_FOUND. */
struct store_get_tenant {
    struct store_call call;
    struct uuid tenant_id;
    /* result */
    struct store_tenant row;
};

/* Prepares the call. */
void store_get_tenant_init(struct store_get_tenant *get, const struct uuid *tenant_id);

#endif
