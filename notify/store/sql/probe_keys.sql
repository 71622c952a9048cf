-- $1 a text that comes back to whoever listens.
SELECT pg_notify('celeriac_keys', $1::text)
