-- Keys that were replaced: each works until then, and is switched off by whoever sees it first. Bound to
-- the key's hash as well as to its id, as digests are.
CREATE TABLE celeriac.key_expiries (
    api_key_id bigint PRIMARY KEY,
    key_hash varchar(255) NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX key_expiries_expires_at ON celeriac.key_expiries (expires_at);

-- Whether the key begins with sk_test_. NULL: not known, because Django made it or an earlier version.
ALTER TABLE celeriac.key_digests ADD COLUMN is_test boolean;

-- How many requests a second a tenant may make, and how many at once after a pause.
CREATE TABLE celeriac.tenant_limits (
    tenant_id uuid PRIMARY KEY,
    per_second double precision NOT NULL CHECK (per_second >= 0.001 AND per_second <= 100000),
    burst integer NOT NULL CHECK (burst BETWEEN 1 AND 1000000),
    changed_at timestamptz NOT NULL DEFAULT now()
);
